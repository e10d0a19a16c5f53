from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rockspace.alignment.comparison import (
    PUBLISHED,
    Baselines,
    Prediction,
    Resampling,
    comparison_table,
    dimensions_table,
    entries_table,
    exchange_test,
    scored,
)
from rockspace.alignment.intervals import correlation_moments, unit_sums
from rockspace.alignment.layer_profile import layer_profile
from rockspace.alignment.multiplicity import holm
from rockspace.alignment.spaces import correlations
from rockspace.errors import RockspaceError

QUICK = Resampling(permutations=199, bootstraps=199)
LABELS = np.repeat([f"subtype {i:02d}" for i in range(20)], 4)


def observed(seed=0):
    return np.random.default_rng(seed).normal(size=(80, 3))


def prediction(noise, model="a", seed=0, layer="last", draw=1):
    return Prediction(model, seed, layer, observed() + noise * np.random.default_rng(draw).normal(size=(80, 3)))


def test_a_clearly_better_model_is_found_and_a_twin_is_not():
    better, worse = prediction(0.3, "better"), prediction(2.0, "worse", draw=2)
    (row,) = comparison_table(scored([better, worse], observed()), LABELS, QUICK).to_dict("records")
    assert row["differs_in"] == "model"
    assert row["difference"] == pytest.approx(row["mean_r_a"] - row["mean_r_b"])
    assert row["p_images"] == row["p_subtypes"] == 1 / 200
    assert row["low_images"] > 0
    assert row["low_subtypes"] > 0
    twin = replace(better, model="twin")
    (row,) = comparison_table(scored([better, twin], observed()), LABELS, QUICK).to_dict("records")
    assert row["p_images"] == row["p_subtypes"] == 1
    assert row["low_images"] == row["high_images"] == 0


def test_differences_are_those_of_plain_correlations():
    a, b = prediction(0.5, "a"), prediction(1.5, "b", draw=2)
    (row,) = comparison_table(scored([a, b], observed()), LABELS, QUICK).to_dict("records")
    assert row["mean_r_a"] == pytest.approx(correlations(a.predicted, observed()).mean())
    assert row["mean_r_b"] == pytest.approx(correlations(b.predicted, observed()).mean())


def test_each_dimension_has_its_plain_correlation_over_seeds_and_the_interval_that_the_mean_would_have():
    runs = [prediction(0.5, seed=seed, draw=seed + 1) for seed in (0, 1)]
    entries = scored(runs, observed())
    table = dimensions_table(entries, ["x", "y", "z"], LABELS, QUICK).set_index("dimension")
    expected = np.mean([correlations(run.predicted, observed()) for run in runs], axis=0)
    assert table["r"].to_numpy() == pytest.approx(expected)
    assert set(table["seed"]) == {"all"}
    assert ((table["low_subtypes"] < table["r"]) & (table["r"] < table["high_subtypes"])).all()
    # With one dimension the mean is that dimension.
    alone = scored([replace(run, predicted=run.predicted[:, :1]) for run in runs], observed()[:, :1])
    (one,), (mean,) = dimensions_table(alone, ["x"], LABELS, QUICK).to_dict("records"), entries_table(alone, LABELS, QUICK).to_dict("records")  # fmt: skip
    for end in ("low_images", "high_images", "low_subtypes", "high_subtypes"):
        assert one[end] == pytest.approx(mean[end]) == pytest.approx(table.loc["x", end])


def test_pairs_differ_in_one_thing_and_seeds_are_averaged_elsewhere():
    predictions = [
        prediction(1, model, seed, layer, draw=3)
        for model in ("a", "b")
        for seed in (0, 1)
        for layer in ("early", "late")
    ]
    table = comparison_table(scored(predictions, observed()), LABELS, QUICK)
    assert table["differs_in"].value_counts().to_dict() == {"model": 2, "layer": 2, "seed": 4}
    averaged = table[table["differs_in"] != "seed"]
    assert set(averaged["seed_a"]) == set(averaged["seed_b"]) == {"all"}
    for row in table.itertuples():
        differing = [
            name for name in ("model", "seed", "layer") if getattr(row, f"{name}_a") != getattr(row, f"{name}_b")
        ]
        assert differing == [row.differs_in]


def test_a_model_is_compared_with_its_baselines_alone_at_the_same_layer_or_the_last():
    predictions = [
        *(prediction(0.5, "a", seed, layer, draw=seed) for seed in (0, 1) for layer in ("early", "late")),
        prediction(0.5, "b", layer="late", draw=5),
        *(prediction(1, "before", layer=layer, draw=6) for layer in ("early", "pooled")),
    ]
    given = scored(predictions, observed()), LABELS, QUICK
    last = {"a": "late", "b": "late", "before": "pooled"}
    table = comparison_table(*given, Baselines({"a": ["before"], "b": []}, last))
    trained = table[table["differs_in"] == "training"]
    pairs = trained[["model_a", "seed_a", "layer_a", "model_b", "seed_b", "layer_b"]].to_numpy().tolist()
    assert pairs == [["a", "all", layer, "before", "0", baseline] for layer, baseline in (("early", "early"), ("late", "pooled"))]  # fmt: skip
    # The network before training, which has one seed, against the mean over the seeds of the trained one.
    each = [correlations(p.predicted, observed()).mean() for p in predictions]
    assert trained["difference"].tolist() == pytest.approx([np.mean([each[0], each[2]]) - each[5], np.mean([each[1], each[3]]) - each[6]])  # fmt: skip
    assert ((trained["low_images"] < trained["difference"]) & (trained["difference"] < trained["high_images"])).all()
    # All other comparisons are those that there are without baselines.
    alone = [entry for entry in given[0] if entry.model != "before"]
    pd.testing.assert_frame_equal(
        table[table["differs_in"] != "training"].reset_index(drop=True), comparison_table(alone, LABELS, QUICK)
    )


def test_the_mean_over_seeds_is_what_models_are_compared_by():
    predictions = [prediction(noise, "a", seed, draw=seed) for seed, noise in enumerate((0.5, 1.0, 2.0))]
    entries = entries_table(scored(predictions, observed()), LABELS, QUICK)
    each = [correlations(p.predicted, observed()).mean() for p in predictions]
    assert entries["mean_r"].tolist() == pytest.approx([np.mean(each)])
    assert entries["seeds_low"].item() == pytest.approx(min(each))
    assert entries["seeds_high"].item() == pytest.approx(max(each))
    assert entries["low_images"].item() < entries["mean_r"].item() < entries["high_images"].item()


def test_p_values_are_adjusted_over_the_comparisons_of_one_kind():
    predictions = [
        prediction(noise, name, draw=i) for i, (name, noise) in enumerate(zip("abcd", (1, 1.2, 1.4, 3), strict=True))
    ]
    table = comparison_table(scored(predictions, observed()), LABELS, QUICK)
    np.testing.assert_allclose(table["p_images_holm"], holm(table["p_images"].to_numpy()))
    np.testing.assert_allclose(table["p_subtypes_holm"], holm(table["p_subtypes"].to_numpy()))


def test_many_comparisons_get_enough_permutations_to_be_found_after_holm():
    # Six good layers and six poor ones: 66 comparisons, of which 199 permutations could reach 66 / 200 at
    # best.
    predictions = [prediction(0.3 if i < 6 else 3.0, layer=f"layer {i}", draw=i) for i in range(12)]
    table = comparison_table(scored(predictions, observed()), LABELS, QUICK)
    across = table[(table["mean_r_a"] > 0.8) & (table["mean_r_b"] < 0.6)]
    assert len(across) == 36
    assert (across["p_images_holm"] < 0.05).all()


def test_the_exchange_test_equals_a_plain_loop_over_swapped_predictions():
    a, b = prediction(1.0).predicted, prediction(1.5, draw=2).predicted
    moments = np.stack([correlation_moments(p, observed()) for p in (a, b)], axis=1)[:, :, None]
    ours = exchange_test(moments, QUICK)
    rng = np.random.default_rng(QUICK.seed)
    # The same draws: two batches, the second what is left of 199.
    swaps = np.concatenate([rng.integers(0, 2, size=(size, 80)) for size in (128, 71)])
    a, b = ((p - p.mean(axis=0)) / p.std(axis=0) for p in (a, b))

    def difference(x, y):
        return abs(correlations(x, observed()).mean() - correlations(y, observed()).mean())

    exchanged = [difference(np.where(s[:, None] == 1, b, a), np.where(s[:, None] == 1, a, b)) for s in swaps]
    assert ours == (1 + np.sum(np.array(exchanged) >= difference(a, b) - 1e-9)) / 200


def test_networks_that_name_their_layers_differently_are_compared_in_their_last_layers_whatever_their_seeds():
    predictions = [
        *(prediction(0.5 + seed / 10, seed=seed, layer=layer, draw=seed) for seed in (0, 1) for layer in ("early", "late")),
        prediction(0.8, model="clip", layer="embeddings", draw=7),
    ]  # fmt: skip
    last = Baselines(last_layers={"a": "late", "clip": "embeddings"})
    table = comparison_table(scored(predictions, observed()), LABELS, QUICK, last)
    (row,) = table[table["differs_in"] == "model"].to_dict("records")
    assert [row[f"{part}_{side}"] for side in "ab" for part in ("model", "layer", "seed")] == [
        "a", "late", "all", "clip", "embeddings", "0"
    ]  # fmt: skip
    each = [correlations(p.predicted, observed()).mean() for p in predictions]
    assert row["difference"] == pytest.approx(np.mean([each[1], each[3]]) - each[4])


def test_published_predictions_are_compared_with_the_last_layer_of_each_network_on_the_same_images():
    predictions = [
        prediction(0.5, layer="early"), prediction(0.6, layer="late", draw=1), prediction(0.7, model="b", layer="late", draw=2),
        prediction(0.8, model="Somebody (2020)", seed="", layer=PUBLISHED, draw=3),
    ]  # fmt: skip
    last = Baselines(last_layers={"a": "late", "b": "late", "Somebody (2020)": PUBLISHED})
    table = comparison_table(scored(predictions, observed()), LABELS, QUICK, last)
    rows = table[table["model_b"] == "Somebody (2020)"]
    assert rows[["differs_in", "model_a", "layer_a"]].to_numpy().tolist() == [
        ["model", "a", "late"],
        ["model", "b", "late"],
    ]
    each = [correlations(p.predicted, observed()).mean() for p in predictions]
    assert rows["difference"].tolist() == pytest.approx([each[1] - each[3], each[2] - each[3]])
    assert (rows["low_subtypes"] < rows["difference"]).all()


def test_equally_good_models_differ_no_more_often_than_the_level():
    p = []
    for draw in range(100):
        target = observed(draw)
        rng = np.random.default_rng(1000 + draw)
        a, b = (target + rng.normal(size=target.shape) for _ in range(2))
        moments = np.stack([correlation_moments(x, target) for x in (a, b)], axis=1)[:, :, None]
        p.append([exchange_test(unit_sums(moments, g), Resampling(99, 99, draw)) for g in (None, LABELS)])
    assert (np.mean(np.array(p) <= 0.05, axis=0) <= 0.12).all()


def test_one_prediction_alone_gives_an_empty_table_with_its_columns():
    table = comparison_table(scored([prediction(1)], observed()), LABELS, QUICK)
    assert table.empty
    assert {"differs_in", "difference", "p_images", "p_images_holm"} <= set(table.columns)


def test_predictions_of_other_images_or_given_twice_are_refused():
    with pytest.raises(RockspaceError, match="a, last: predictions of shape"):
        comparison_table(scored([replace(prediction(1), predicted=np.zeros((79, 3)))], observed()), LABELS, QUICK)
    with pytest.raises(RockspaceError, match="twice"):
        comparison_table(scored([prediction(1), prediction(2)], observed()), LABELS, QUICK)


def figures(mean_r, subtypes=True):
    """As much of a layer's JSON as the profile reads."""
    null = {"null_mean_r": 0.2, "null_mean_r_band": [0.1, 0.3], "p_mean_r": 0.001}
    nulls = {"in_sample": null, "held_out": null}
    part = {"mean_r": mean_r, "mean_r_ci": [mean_r - 0.1, mean_r + 0.1], "mean_r_ci_subtypes": None}
    return {
        "n_features": 64,
        "reduction": "pca",
        "in_sample": part,
        "held_out": part,
        "train_cv": part,
        "new_subtypes": part if subtypes else None,
        "permutation": {"images": nulls, "subtypes": nulls if subtypes else None},
        "ridge": {"held_out": {"mean_r": 0.8}} if subtypes else None,
        "rsa": {"spearman": 0.5, "ci": {"spearman": [0.4, 0.6]} if subtypes else None, "ci_subtypes": None},
        "cka": {"debiased": 0.4, "ci": [0.3, 0.5], "ci_subtypes": [0.2, 0.6]} if subtypes else None,
    }


def test_the_profile_has_a_row_for_each_seed_and_layer_in_order_of_depth():
    reports = [(seed, layer, figures(0.1 * i)) for seed in (1, 0) for i, layer in enumerate(("late", "early"))]
    profile = layer_profile(reports, ["early", "late"])
    assert profile[["seed", "layer", "depth"]].to_numpy().tolist() == [
        [0, "early", 1],
        [0, "late", 2],
        [1, "early", 1],
        [1, "late", 2],
    ]
    assert profile["held_out_mean_r"].tolist() == pytest.approx([0.1, 0, 0.1, 0])
    assert profile["held_out_mean_r_low_images"].tolist() == pytest.approx([0, -0.1, 0, -0.1])
    assert profile["in_sample_mean_r_null_high_images"].unique().tolist() == [0.3]
    assert profile["held_out_mean_r_p_subtypes_holm"].unique().tolist() == [0.002]
    assert profile["cka_debiased_low_subtypes"].unique().tolist() == [0.2]


def test_the_profile_leaves_out_what_a_small_study_cannot_have():
    profile = layer_profile([(0, "only", figures(0.5, subtypes=False))], ["only"])
    missing = [
        "new_subtypes_mean_r",
        "ridge_held_out_mean_r",
        "cka_debiased",
        "rsa_spearman_low_images",
        "in_sample_mean_r_null_subtypes",
    ]
    assert profile[missing].isna().all(axis=None)
    assert not pd.isna(profile["held_out_mean_r"].item())
