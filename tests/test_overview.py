"""What the front page says: models beside chance and published figures, run times, provenance."""

import hashlib
import json
import re
import subprocess
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from browser import obstacles, wait_for
from rockspace.alignment.comparison import (
    Baselines,
    Prediction,
    Resampling,
    comparison_table,
    dimensions_table,
    entries_table,
    scored,
)
from rockspace.alignment.intervals import proportion_interval
from rockspace.alignment.statistics import Estimate, doubt, written_p
from rockspace.config import laid_over, validated
from rockspace.report import dimensions
from rockspace.report.answer import (
    Difference,
    about,
    added,
    answer,
    closest_in_words,
    difference_in_words,
    dimensions_in_words,
    layers_in_words,
    new_subtypes_in_words,
    notes,
    points,
    training_in_words,
)
from rockspace.report.captions import left_out_of_accuracy
from rockspace.report.columns import SUMMARY, R, read_table
from rockspace.report.dimensions import (
    Ceiling,
    DimensionProfile,
    Profiled,
    dimension_estimates,
    dimensions_figure,
    lowest_tick,
    read_chance,
    rows_on_page,
    ticks,
)
from rockspace.report.overview import (
    ACCURACY,
    ALIGNMENT,
    MAPS,
    WORDS,
    Study,
    accuracy_rows,
    alignment_rows,
    applicable,
    choice_rows,
    explained,
    map_rows,
    meanings,
    over_seeds,
    pictures,
    table,
    write_overview,
)
from rockspace.report.predicted_choices import others_explained
from rockspace.report.provenance import configuration, git_commit, provenance, without_folders
from rockspace.report.runtimes import clock, stage_runtimes
from rockspace.report.summary import as_markdown, notes_of
from rockspace.report.tables import network_rows, pair_rows, write_table_page
from rockspace.report.terminal import closing_words

CONFIGS = Path(__file__).parents[1] / "config"
OTHERS = [
    {"label": "others", "metric": "validation_top1", "value": 0.2946, "source": "a paper"},
    {"label": "others", "metric": "held_out_mean_r", "value": 0.676, "source": "a paper"},
    {"label": "others", "metric": "held_out_disparity", "value": 0.4, "source": "a paper"},
]


def summary(**changes) -> pd.DataFrame:
    """Two models, the first with two seeds."""
    table = pd.DataFrame(
        {
            "model": ["a", "a", "b"],
            "seed": ["0", "1", "0"],
            "layer": "penultimate",
            "train_top1": 0.9,
            "validation_top1": [0.4, 0.6, 0.3],
            "validation_top1_low": [0.3, 0.5, 0.2],
            "validation_top1_high": [0.5, 0.7, 0.4],
            "validation_top1_interval_over": "images",
            "validation_chance_uniform": 0.25,
            "validation_chance_largest_label": 0.75,
            "validation_top3": 0.8,
            "held_out_mean_r": [0.5, 0.6, 0.4],
            "held_out_mean_r_low": [0.3, 0.4, 0.2],
            "held_out_mean_r_high": [0.7, 0.8, 0.9],
            "held_out_mean_r_interval_over": "subtypes",
            "held_out_mean_r_null": [0.1, 0.2, 0.3],
            "held_out_mean_r_null_low": [0.0, 0.1, 0.2],
            "held_out_mean_r_null_high": [0.2, 0.3, 0.4],
            "held_out_mean_r_p": [0.01, 0.02, 0.03],
            "held_out_mean_r_null_over": "subtypes",
            "new_subtypes_mean_r": 0.35,
            "in_sample_mean_r": 0.7,
            "held_out_disparity": 0.6,
            "in_sample_disparity": 0.5,
            "reduction": "pca",
        }
    )
    return table.reindex(columns=[column.name for column in SUMMARY]).assign(**changes)


ENTRIES = pd.DataFrame(
    {
        "model": ["a", "b"],
        "seed": ["all", "0"],
        "layer": "penultimate",
        "mean_r": [0.55, 0.4],
        "low_images": 0.44,
        "high_images": 0.56,
        "low_subtypes": 0.42,
        "high_subtypes": 0.58,
    }
)


def models(**changes) -> list[dict]:
    return [over_seeds(runs, ENTRIES) for _, runs in summary(**changes).groupby("model")]


def shown(rows, names) -> dict[str, list[str]]:
    """The cells of a table of the page, by heading."""
    content = table(rows, names)
    return {heading: [cells[i] for _, cells in content["rows"]] for i, (heading, _) in enumerate(content["headings"])}


def test_over_several_seeds_the_interval_is_that_of_their_mean_and_no_average_of_ends():
    a, b = models()
    assert (a["held_out_mean_r"], a["held_out_mean_r_low"], a["held_out_mean_r_high"]) == (0.55, 0.42, 0.58)
    assert np.isnan(a["validation_top1_low"])
    assert (a["held_out_mean_r_null_low"], a["held_out_mean_r_null_high"], a["held_out_mean_r_p"]) == (0.0, 0.3, 0.02)
    assert (b["held_out_mean_r_low"], b["held_out_mean_r_high"]) == (0.2, 0.9)


def test_over_several_seeds_the_interval_of_the_accuracy_is_that_of_the_mean_over_labels():
    label = np.repeat(list("vwxyz"), 4)
    each = [pd.DataFrame({"label": label, "correct": np.arange(20) % k == 0}) for k in (2, 3)]
    runs = summary().query("model == 'a'")
    a = over_seeds(runs, ENTRIES, each)
    expected = proportion_interval((each[0]["correct"] + each[1]["correct"] * 1.0) / 2, label)
    assert [a["validation_top1_low"], a["validation_top1_high"]] == expected
    assert a["validation_top1_interval_over"] == "subtypes"
    same = over_seeds(runs, ENTRIES, each[:1] * 2)
    assert [same["validation_top1_low"], same["validation_top1_high"]] == proportion_interval(each[0]["correct"], label)
    assert np.isnan(over_seeds(runs, ENTRIES, [table.assign(label="only") for table in each])["validation_top1_low"])


def test_accuracy_stands_beside_what_others_found_and_both_kinds_of_chance():
    rows = accuracy_rows(models(), OTHERS)
    assert [(row.kind, row.name) for row in rows] == [
        ("model", "a"),
        ("model", "b"),
        ("reference", "others"),
        ("chance", "chance: any label"),
        ("chance", "chance: the largest label"),
    ]
    cells = shown(rows, ACCURACY)
    assert cells["top-1 (95 % over images)"] == ["50.0 %", "30.0 % (20.0 to 40.0)", "29.5 %", "25.0 %", "75.0 %"]
    assert cells["top-3"] == ["80.0 %", "80.0 %", "-", "-", "-"]
    assert [row.note for row in rows[:3]] == ["2 seeds, 40.0 % to 60.0 %", "", "a paper"]


def test_beside_the_held_out_figure_stand_its_own_interval_chance_and_p_and_what_they_are_over():
    rows = alignment_rows(models(), {}, OTHERS)
    cells = shown(rows, ALIGNMENT)
    assert [row.name for row in rows] == ["a", "b", "others"]
    assert cells["r held-out (95 % over subtypes)"] == ["0.550 (0.420 to 0.580)", "0.400 (0.200 to 0.900)", "0.676"]
    assert cells["chance of r held-out (95 % over subtypes)"][:2] == [
        "0.150 (0.000 to 0.300)",
        "0.300 (0.200 to 0.400)",
    ]
    assert cells["p of r held-out (over subtypes)"] == ["0.020", "0.030", "-"]
    assert cells["disparity held-out"] == ["0.600", "0.600", "0.400"]
    assert rows[0].note == "layer penultimate, rotation of principal components, 2 seeds, 0.500 to 0.600"


def test_rows_that_differ_in_what_they_are_over_say_it_each():
    over = ["subtypes", "subtypes", "images"]
    cells = shown(alignment_rows(models(held_out_mean_r_interval_over=over), {}, []), ALIGNMENT)
    assert cells["r held-out (95 %)"] == [
        "0.550 (0.420 to 0.580) over subtypes",
        "0.400 (0.200 to 0.900) over images",
    ]


def test_a_head_that_learnt_coordinates_has_a_row_of_its_own():
    heads = {"coordinates_mean_r": [np.nan, np.nan, 0.65], "coordinates_disparity": [np.nan, np.nan, 0.45]}
    ends = {
        "coordinates_mean_r_low": 0.6,
        "coordinates_mean_r_high": 0.7,
        "coordinates_mean_r_interval_over": "subtypes",
    }
    rows = map_rows(models(**heads, **ends))
    assert [(row.name, row.note) for row in rows] == [("b", "head trained on coordinates")]
    assert shown(rows, MAPS)["r held-out (95 % over subtypes)"] == ["0.650 (0.600 to 0.700)"]


def test_other_maps_have_rows_with_their_own_interval_and_chance():
    ridge = {
        "": 0.7,
        "_low": 0.6,
        "_high": 0.8,
        "_interval_over": "subtypes",
        "_null": 0.5,
        "_p": 0.04,
        "_null_over": "subtypes",
    }
    table = {f"ridge_held_out_mean_r{part}": value for part, value in ridge.items()} | {
        "zero_pad_held_out_mean_r": 0.65
    }
    rows = map_rows(models(**table)[1:])
    assert [row.note for row in rows] == ["rotation with zero-padding", "ridge regression"]
    cells = shown(rows, MAPS)
    assert cells["r held-out (95 % over subtypes)"] == ["0.650", "0.700 (0.600 to 0.800)"]
    assert cells["chance of r held-out"] == ["-", "0.500"]
    assert cells["p of r held-out (over subtypes)"] == ["-", "0.040"]
    assert alignment_rows(models(reduction=np.nan), {}, [])[1].note == "ensemble, layer penultimate"
    leading = models(**table, reduction="zero_pad")[1:]
    assert alignment_rows(leading, {}, [])[0].note == "layer penultimate, rotation with zero-padding"
    assert [row.note for row in map_rows(leading)] == ["ridge regression"]


def test_a_baseline_is_marked_as_such_and_has_no_accuracy():
    nothing = dict.fromkeys(ACCURACY, np.nan)
    rows = alignment_rows(models(), {"b": "untrained"}, [])
    assert [row.kind for row in rows] == ["model", "baseline"]
    assert rows[1].note.startswith("baseline: the network with random weights, layer penultimate")
    a, b = models()
    assert [row.name for row in accuracy_rows([a, b | nothing], []) if row.kind == "model"] == ["a"]
    assert accuracy_rows([b | nothing], OTHERS) == []


def test_where_no_validation_image_has_a_label_that_was_learnt_there_is_no_accuracy():
    changes = dict.fromkeys(("validation_top1", "validation_top1_low", "validation_top1_high"), np.nan)
    assert accuracy_rows(models(**changes), OTHERS) == []


LABELS = np.repeat([f"subtype {i:02d}" for i in range(12)], 4)
DIMENSIONS = ["size", "hue", "shape"]
LAST = {"a": "penultimate", "b": "penultimate", "a-pretrained": "pooled", "a-untrained": "pooled"}
NAMES = {"a": {"pretrained": "a-pretrained", "untrained": "a-untrained"}, "b": {}}
NOISE = {
    "a": (0.2, 0.8, 40.0),
    "b": (1.0, 1.0, 40.0),
    "a-pretrained": (0.3, 0.9, 40.0),
    "a-untrained": (9.0, 9.0, 40.0),
}
RUNS = [
    ("a", "0"),
    ("a", "1"),
    ("b", "0"),
    ("b", "1"),
    ("a-pretrained", "0"),
    ("a-untrained", "0"),
    ("a-untrained", "1"),
]


def study(**changes) -> Study:
    """Two networks, of which `a` follows size best, then hue, and not shape, and has two baselines and two seeds."""
    observed = np.random.default_rng(0).normal(size=(len(LABELS), 3))
    predictions = [
        Prediction(name, int(seed), LAST[name], observed + NOISE[name] * np.random.default_rng(i + 1).normal(size=observed.shape))
        for i, (name, seed) in enumerate(RUNS)
    ]  # fmt: skip
    given = scored(predictions, observed), LABELS, Resampling(permutations=99, bootstraps=99)
    entries = entries_table(*given)
    r = entries.set_index("model")["mean_r"]
    table = summary().iloc[:1]
    rows = [
        table.assign(model=name, seed=seed, layer=LAST[name], held_out_mean_r=r[name], held_out_mean_r_low=r[name] - 0.1,
                     held_out_mean_r_high=r[name] + 0.1, **(dict.fromkeys(ACCURACY, np.nan) if "-" in name else {}))
        for name, seed in RUNS
    ]  # fmt: skip
    whole = pd.concat([*rows, table.assign(model="all", seed="0", held_out_mean_r=0.9, reduction=np.nan)])
    nulls = pd.DataFrame({"dimension": DIMENSIONS, "reduction": "zero_pad"})
    for units, p in (("images", [0.001, 0.001, 0.001]), ("subtypes", [0.01, 0.02, 0.6])):
        null = f"null_r_held_out_{units}"
        nulls = nulls.assign(
            **{f"p_held_out_{units}_holm": p, null: 0.1, f"{null}_low": -0.2, f"{null}_high": [0.3, 0.35, 0.4]}
        )
    validation = pd.DataFrame({"split": "validation", "label": LABELS})
    found = Study(
        config={
            "study": "rocks", "seeds": [0, 1], "references": [], "procrustes": {"permutations": 1000},
            "dataset": {"source": "directory", "directory": "photos", "splits": {"train": {}, "validation": {"coordinates": "mds.txt"}}},
            "models": [{"name": name, "backbone": "resnet50", "weights": weights, "objective": "classification"} for name, weights in (("a", "imagenet"), ("b", "none"))],
        },
        catalog=pd.concat([validation, validation.assign(split="train")]),
        manifests=[],
        summary=whole,
        entries=entries,
        comparison=comparison_table(*given, Baselines({"a": ["a-pretrained", "a-untrained"]}, LAST)),
        dimensions=dimensions_table(given[0], DIMENSIONS, *given[1:]),
        layers=LAST,
        baselines=NAMES,
        metrics={run: {"selection": "holdout"} for run in RUNS[:4]},
        alignments={run: {"n_dimensions": 3, "notes": ["48 images are few"], "technical_notes": ["2 of 9 features are constant"]} for run in RUNS},
        nulls=dict.fromkeys(RUNS, nulls),
        predictions={},
    )  # fmt: skip
    return replace(found, **changes)


def with_choices(found: Study, named: bool = True) -> Study:
    """The same with people's choices, explained by their own coordinates, by `a`, which is a little behind, and by `all`."""
    rows = [  # model, seed, layer, space, nats a response beyond people's own coordinates
        ("people", "", "", "coordinates", np.nan), ("people", "", "", "joint", 0.05),
        *(("a", seed, "penultimate", "predicted", gain) for seed, gain in (("0", -0.1), ("1", -0.2))),
        ("a", "0", "early", "predicted", -0.5), ("b", "0", "penultimate", "embedding", -0.3), ("all", "", "", "outputs", -0.012),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["model", "seed", "layer", "space", "beyond_people"])
    per_response = -0.7 + table["beyond_people"].fillna(0)
    table = table.assign(
        variant="sensitivity", leading="new_subtypes", n_responses=2000.0, log_likelihood=2000 * per_response + 10,
        new_subtypes_log_likelihood=2000 * per_response, log_likelihood_per_response=per_response,
        explained=(per_response + 2.0) / 1.5, chance_per_response=-2.0, saturated_per_response=-0.5,
        person_per_response=-0.65 if named else np.nan, right_only_per_response=-0.8,
    )  # fmt: skip
    for name in ("log_likelihood_per_response", "beyond_people"):
        for units, half in (("people", 0.02 if named else np.nan), ("subtypes", 0.06)):
            ends = {f"{name}_{end}_{units}": table[name] + sign * half for end, sign in (("low", -1), ("high", 1))}
            table = table.assign(**ends)
    other = table.assign(variant="weights", explained=0.99)
    choices = pd.concat([table, other], ignore_index=True)
    ends = {"observed_low_people": 0.55, "observed_high_people": 0.65} if named else dict.fromkeys(("observed_low_people", "observed_high_people"), np.nan)  # fmt: skip
    conditions = choices[["model", "seed", "layer", "space", "variant"]].assign(
        condition="igneous", images="new", observed=0.6, **ends
    )
    conditions = conditions.assign(predicted=np.where(conditions["variant"] == "weights", 0.1, 0.5 + table["beyond_people"].reindex(conditions.index % len(table)).fillna(0).to_numpy()))  # fmt: skip
    studied = conditions.assign(images="studied", observed=0.9, predicted=0.9)
    return replace(found, choices=choices, conditions=pd.concat([studied, conditions], ignore_index=True))


def in_summary(found: Study, **changes) -> Study:
    return replace(found, summary=found.summary.assign(**changes))


# What no page says of a study without labels, and without training.
OF_LABELS = re.compile(r"accura\w*|\blabels?\b|subtypes?|categor\w*|superclass\w*|top-[13]|confusion|mistakes?|stratified", re.IGNORECASE)  # fmt: skip
OF_TRAINING = re.compile(r"what training added|the trained one|fine-tun\w*|\bhead\b|epochs?|learning curves|before training", re.IGNORECASE)  # fmt: skip
AS_IT_IS = {
    "pretrained": {"backbone": "resnet50", "weights": "imagenet"},
    "in a file": {"backbone": "networks/a.onnx", "weights": "file"},
    "ready": {"backbone": None, "embeddings": "embeddings/clip.npz", "weights": "file"},
}
ORIGINS = {"pretrained": "as pretrained", "in a file": "as it is in a.onnx", "ready": "ready embeddings from clip.npz"}


def without_labels(found: Study, how: str = "") -> Study:
    """The same study of images without labels; `a` learnt coordinates, or is of `AS_IT_IS` and alone with its baseline.

    Args:
        found: The study.
        how: A key of `AS_IT_IS`; empty where the networks are trained.
    """
    nothing = {name: np.nan for name in found.summary if name.startswith(("validation_", "train_", "new_subtypes"))}
    over = {f"{R}_{part}_over": "images" for part in ("interval", "null")}
    tables = {
        name: table.assign(**{column: np.nan for column in table if "subtypes" in column})
        for name, table in (
            ("entries", found.entries),
            ("comparison", found.comparison),
            ("dimensions", found.dimensions),
        )
    }
    tables["summary"] = found.summary.assign(**nothing, **over)
    settings = {"objective": "none", **AS_IT_IS[how]} if how else {"objective": "coordinates"}
    config = found.config | {"models": [{**model, **settings} for model in found.config["models"]]}
    found = replace(
        found, **tables, config=config, catalog=found.catalog.assign(label="", superclass=""),
        nulls={run: table.assign(**{name: np.nan for name in table if "subtypes" in name}) for run, table in found.nulls.items()},
    )  # fmt: skip
    if not how:
        return found
    baselines = {"untrained": "a-untrained"} if how == "pretrained" else {}
    names = ["a", *baselines.values()]
    runs = [run for run in found.alignments if run[0] in names and (run[0] != "a" or run[1] == "0")]
    kept = {
        name: getattr(found, name)[getattr(found, name)["model"].isin(names)]
        for name in ("summary", "entries", "dimensions")
    }
    sides = found.comparison[["model_a", "model_b"]].isin(names).all(axis=1)
    return replace(
        found, **kept | {"summary": kept["summary"].query("model != 'a' or seed == '0'")}, comparison=found.comparison[sides],
        layers={name: found.layers[name] for name in names}, baselines={"a": baselines}, metrics={},
        config=config | {"models": config["models"][:1]},
        **{key: {run: getattr(found, key)[run] for run in runs} for key in ("alignments", "nulls")},
    )  # fmt: skip


def words_of(page: Path) -> str:
    """What a page says: no styles, scripts, or configuration; what is told on hover is said too."""
    text = re.sub(
        r"<(style|script|pre)\b.*?</\1>|onload=\"[^\"]*\"|href=\"[^\"]*\"", "", page.read_text(), flags=re.DOTALL
    )
    return " ".join(re.sub(r"</?\w+|[<>]|data-\w+|aria-\w+|\b(class|for|id|type)=\"[^\"]*\"", " ", text).split())


@pytest.mark.parametrize("how", ["", *AS_IT_IS])
def test_nothing_is_said_of_accuracy_and_labels_where_there_are_none(tmp_path, how):
    found = without_labels(study(), how)
    said = {"overview": overview_of(found, tmp_path)}
    for name in ("summary", "comparison"):
        getattr(found, name).to_csv(tmp_path / f"{name}.csv", index=False)
        write_table_page(tmp_path / f"{name}.csv", tmp_path / f"{name}.html", f"rocks: {name}")
        said[name] = words_of(tmp_path / f"{name}.html")
    said |= {
        "answer": answer(found),
        "about": about(found),
        "summary.md": as_markdown(found.summary, "rocks", []),
        "terminal": closing_words(found.summary, "rocks", {"summary": "summary.md"}, answer(found)),
    }
    assert "over images" in said["overview"]
    for name, text in said.items():
        assert OF_LABELS.findall(text) == [], name
        assert not how or OF_TRAINING.findall(text) == [], name
    assert [heading for heading, links in pictures(found) if links][-1] == ("both spaces" if how else "learning curves")


def test_where_no_network_learns_labels_subtypes_are_spoken_of_and_accuracy_is_not(tmp_path):
    nothing = {name: np.nan for name in summary() if name.startswith(("validation_", "train_"))}
    found = in_summary(study(), **nothing)
    found = replace(
        found, config=found.config | {"references": [each | {"coordinates_sha256": None} for each in OTHERS]}
    )
    page = overview_of(found, tmp_path)
    for text in (
        page,
        closing_words(found.summary, "rocks", {"summary": "summary.md"}),
        as_markdown(found.summary, "rocks"),
    ):
        assert "over subtypes" in text
        assert re.findall("accura|top-[13]|confusion|mistake|errors", text, re.IGNORECASE) == []


@pytest.mark.parametrize("how", AS_IT_IS)
def test_a_network_that_was_not_trained_is_said_to_be_what_it_is(tmp_path, how):
    found = without_labels(study(), how)
    layer = "" if how == "ready" else "the penultimate layer of "
    assert answer(found).startswith(f"On 48 held-out images, {layer}a ({ORIGINS[how]}) follows people's 3 dimensions")
    assert (
        about(found)
        == "1 network as it is; rotations were learnt on 48 training images and scored on 48 validation images."
    )
    assert found.title("a") == ", ".join(["a", *([] if how == "ready" else ["layer penultimate"]), ORIGINS[how]])
    row = alignment_rows(found.models, found.kinds, [], {"a": found.settings("a")})[0]
    assert row.note.startswith(ORIGINS[how])
    assert ("layer" in row.note) == (how != "ready")
    assert ("What pretraining added" in dict(points(found))) == (how == "pretrained")
    page = overview_of(found, tmp_path)
    assert ("the same networks with random weights" in page) == (how == "pretrained")
    assert ("baseline" in page) == (how == "pretrained")


def overview_of(found: Study, folder: Path) -> str:
    """The words of the overview of a study, written into a folder."""
    (folder / "benchmarks").mkdir()
    write_overview(folder / "overview.html", found, {})
    return words_of(folder / "overview.html")


def test_the_page_says_which_images_accuracy_is_not_of(tmp_path):
    found = study()
    label = np.where(np.arange(48) == 3, "", np.where(np.arange(48) == 7, "unheard of", LABELS))
    correct = pd.Series(np.arange(48) % 2 == 0, dtype="boolean").where(~np.isin(np.arange(48), [3, 7]))
    predictions = pd.DataFrame({"split": "validation", "label": label, "correct": correct})
    page = overview_of(replace(found, predictions=dict.fromkeys(RUNS[:4], predictions)), tmp_path)
    assert (
        "Accuracy is of 46 of the 48 validation images: 1 has no label and 1 has a label that no training image has."
        in page
    )
    only = predictions.assign(label=np.where(label == "unheard of", "", label))
    assert left_out_of_accuracy(only) == "Accuracy is of 46 of the 48 validation images: 2 have no label."
    assert left_out_of_accuracy(predictions.dropna()) == ""


def test_the_answer_is_one_sentence_with_interval_chance_and_baselines():
    found = study()
    a = found.entries.set_index("model").loc["a"]
    before, random = (found.entries.set_index("model")["mean_r"][f"a-{kind}"] for kind in ("pretrained", "untrained"))
    assert answer(found) == (
        "Of 2 networks, baselines apart, a comes closest to people: on 48 images that it was not trained on, its penultimate layer follows "
        f"people's 3 dimensions with a mean correlation of r = {a['mean_r']:.2f} (95 % interval {a['low_subtypes']:.2f} to "
        f"{a['high_subtypes']:.2f} over 12 subtypes), {a['mean_r'] - 0.1:.2f} above chance (0.10). "
        f"Before training, the same network's layer pooled has r = {before:.2f}, {before - 0.1:.2f} above chance (0.10); "
        f"with random weights, it has r = {random:.2f}, {random - 0.1:.2f} above chance (0.10)."
    )
    weak = answer(in_summary(found, held_out_mean_r_p=0.4))
    assert ", not clearly above chance (0.10): p = 0.400. Before" in weak
    wide = answer(in_summary(found, held_out_mean_r_null=0.99))
    assert ", not clearly above chance (0.99): its 95 % interval is below chance, though p = 0.010. Before" in wide
    within = answer(in_summary(found, held_out_mean_r_null=found.best["held_out_mean_r_low"]))
    assert "): its 95 % interval includes chance, though p = 0.010. Before" in within


def test_drawn_images_are_said_to_be_drawn():
    found = study()
    drawn = replace(found, config=found.config | {"dataset": found.config["dataset"] | {"source": "synthetic"}})
    assert "on 48 drawn images" in answer(drawn)
    assert "follows the 3 drawn dimensions" in answer(drawn)
    assert "no person judged them" in about(drawn)
    assert "drawn" not in answer(found) + about(found)
    said = meanings(drawn=True)
    assert not any("people" in meaning for meaning in said.values())
    assert set(WORDS) - set(said) == {"noise ceiling"}
    assert meanings(drawn=False) == WORDS


def test_the_answer_of_a_study_too_small_for_an_interval_and_a_null_has_neither():
    found = study()
    parts = [column for column in found.summary if column.startswith("held_out_mean_r_")]
    small = replace(
        in_summary(found, **dict.fromkeys(parts, np.nan)),
        entries=found.entries.assign(low_images=np.nan, low_subtypes=np.nan),
        baselines={},
    )
    r = found.entries.set_index("model")["mean_r"]["a"]
    assert answer(small).endswith(f"mean correlation of r = {r:.2f}, with too few images to say what chance gives.")


def test_baselines_and_ensembles_are_never_the_closest_network():
    found = study()
    found = in_summary(
        found, held_out_mean_r=found.summary["held_out_mean_r"] + found.summary["model"].str.startswith("a-")
    )
    assert found.best["model"] == "a"
    assert [each["model"] for each in found.models[-2:]] == ["a-pretrained", "a-untrained"]
    assert [each["model"] for each in found.networks] == ["a", "b"]
    assert found.seeds_in_words("a") == "mean of 2 seeds"


def test_the_dimensions_of_the_highest_and_lowest_r_are_named_and_where_it_is_not_clearly_above_chance():
    found = study()
    (said,) = dimensions_in_words(found)
    assert said.startswith("a is strongest on size (r = 0.9")
    assert " and weakest on shape (r = " in said
    assert said.endswith("), where it is not clearly above chance (0.10): p = 0.600.")
    wide = {run: table.assign(p_held_out_subtypes_holm=[0.01, 0.02, 0.03]) for run, table in found.nulls.items()}
    (said,) = dimensions_in_words(replace(found, nulls=wide))
    assert said.endswith("(0.10): its 95 % interval includes chance, though p = 0.030.")
    several = {run: table.assign(p_held_out_subtypes_holm=[0.01, 0.5, 0.6]) for run, table in found.nulls.items()}
    _, other = dimensions_in_words(replace(found, nulls=several))
    assert other.startswith("Nor is it clearly above chance on hue (r = ")
    fine = {
        run: table.assign(p_held_out_subtypes_holm=0.01, null_r_held_out_subtypes=-0.9)
        for run, table in found.nulls.items()
    }
    both, every = dimensions_in_words(replace(found, nulls=fine))
    assert " and weakest on shape (r = " in both
    assert every == "It is clearly above chance on each of them."
    poor = {run: table.assign(p_held_out_subtypes_holm=0.5) for run, table in found.nulls.items()}
    highest, none = dimensions_in_words(replace(found, nulls=poor))
    assert highest.startswith("The r of a is highest on size (0.9")
    assert none == "On no single dimension is it clearly above chance."


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"p": 0.06}, "p = 0.060"),
        ({"low": 0.1}, "its 95 % interval includes chance, though p = 0.010"),
        ({"low": 0.1, "p": 0.008, "smallest_p": 0.00799}, "its 95 % interval includes chance, though p ≤ 0.008"),
        ({"low": np.nan, "high": np.nan, "interval_over": ""}, "there are too few images for an interval"),
        ({"null_over": "images"}, "there are too few subtypes for a test over them"),
        ({"null": np.nan, "p": np.nan}, ""),
    ],
)  # fmt: skip
def test_a_figure_is_clearly_above_chance_where_p_is_small_and_its_interval_lies_above_chance(changes, why):
    clear = Estimate(0.5, 0.3, 0.7, "subtypes", 0.2, 0.1, 0.3, 0.01, "subtypes")
    assert doubt(replace(clear, **changes)) == why


@pytest.mark.parametrize(
    ("p", "smallest", "text"),
    [(0.032, 0.0, "= 0.032"), (1 / 1001, 0.0, "≤ 0.001"), (1e-5, 0.0, "≤ 0.001"), (8 / 1001, 8 / 1001, "≤ 0.008"),
     (8 / 1001, 1 / 1001, "= 0.008"), (0.0081, 0.0081, "≤ 0.009")],
)  # fmt: skip
def test_the_smallest_p_that_is_possible_is_written_as_a_bound(p, smallest, text):
    assert written_p(p, smallest) == text


def test_an_r_that_does_not_hold_for_new_subtypes_is_said():
    found = study()
    assert new_subtypes_in_words(found) == []
    (said,) = new_subtypes_in_words(in_summary(found, new_subtypes_mean_r=-0.12))
    assert said.startswith(
        "For subtypes that the rotation had not seen, r is -0.12, no higher than the chance of the held-out r (0.10)"
    )
    assert new_subtypes_in_words(in_summary(found, new_subtypes_mean_r=np.nan)) == []


def test_chance_and_interval_of_a_dimension_are_over_subtypes_or_else_over_images_and_hold_all_seeds(tmp_path):
    found = study()
    rows = found.dimensions[found.dimensions["model"] == "a"]
    table = found.nulls["a", "0"]
    other = table.assign(null_r_held_out_subtypes=0.3, null_r_held_out_subtypes_high=0.9, p_held_out_subtypes_holm=0.03)
    size = dimension_estimates(rows, [table, other])["size"]
    assert (size.interval_over, size.null_over) == ("subtypes", "subtypes")
    assert (size.null, size.null_low, size.null_high, size.p) == (0.2, -0.2, 0.9, 0.03)
    for names in (["1", "2", "3"], ["NA", "null", "07"]):
        other.assign(dimension=names).to_csv(tmp_path / "last.dimensions.csv", index=False)
        rows.assign(dimension=names).to_csv(tmp_path / "comparison.dimensions.csv", index=False)
        read = read_table(tmp_path / "comparison.dimensions.csv"), [read_chance(tmp_path / "last.dimensions.csv")]
        assert [each.null for each in dimension_estimates(*read).values()] == [0.3, 0.3, 0.3]
    few = dimension_estimates(rows.assign(low_subtypes=np.nan), [table.assign(p_held_out_subtypes_holm=np.nan)])["size"]
    assert (few.interval_over, few.null_over, few.low) == ("images", "images", rows["low_images"].iloc[0])


@pytest.mark.parametrize(
    ("value", "low", "high", "p", "words"),
    [
        (0.05, 0.01, 0.09, 0.01, "+0.05 (95 % interval +0.01 to +0.09 over subtypes), clearly higher"),
        (0.013, 0.003, 0.023, 0.01, "+0.013 (95 % interval +0.003 to +0.023 over subtypes), clearly higher"),
        (-0.05, -0.09, -0.01, np.nan, "-0.05 (95 % interval -0.09 to -0.01 over subtypes), clearly lower"),
        (0.01, -0.03, 0.05, 0.6, "+0.01 (95 % interval -0.03 to +0.05 over subtypes), not clearly different"),
        (0.05, 0.01, 0.09, 0.06, "+0.05 (95 % interval +0.01 to +0.09 over subtypes), not clearly different, since p = 0.060, adjusted for all comparisons of this kind"),
        (0.01, np.nan, np.nan, np.nan, "+0.01, without an interval, since there are too few images"),
    ],
)  # fmt: skip
def test_a_difference_is_said_with_its_paired_interval_and_whether_it_is_clear(value, low, high, p, words):
    assert difference_in_words(Estimate(value, low, high, "" if np.isnan(low) else "subtypes", p=p)) == words


@pytest.mark.parametrize(("low", "clearly"), [(0.02, "clearly"), (-0.02, "not clearly")])
def test_of_many_layers_the_closest_is_named_and_whether_it_is_clearly_closer_than_the_last(low, clearly):
    found = study()
    a = found.summary[found.summary["model"] == "a"]
    assert layers_in_words(found) == []
    early = [a.assign(layer=f"block{i}", held_out_mean_r=r) for i, r in enumerate((0.1, 0.99))]
    pair = found.comparison.iloc[:1].assign(
        differs_in="layer", model_a="a", layer_a="block1", model_b="a", layer_b="penultimate", difference=0.1,
        low_subtypes=low, high_subtypes=0.2, p_subtypes_holm=0.01,
    )  # fmt: skip
    many = replace(found, summary=pd.concat([*early, found.summary]), comparison=pd.concat([found.comparison, pair]))
    last = found.best["held_out_mean_r"]
    assert layers_in_words(many)[0].startswith(
        f"Of its 3 layers, block1 has the highest r (0.99), {clearly} higher than the last one (penultimate, {last:.2f}). The highest of many"
    )
    low_ones = replace(many, summary=pd.concat([each.assign(held_out_mean_r=0.0) for each in early] + [found.summary]))
    assert layers_in_words(low_ones) == ["Of its 3 layers, the last one (penultimate) has the highest r."]
    assert dict(points(many))["Layers"] == layers_in_words(many)[0]


def test_what_training_added_is_said_in_the_same_layer_and_in_the_last_one():
    given = "pretrained", "Training on these images", "penultimate, 128 features", "pooled, 1,024 features"
    found = Estimate(0.05, 0.01, 0.09, "subtypes")
    same, last = (
        Difference(*given[:2], *layers, is_same, 0.65, 0.6, found).in_words()
        for layers, is_same in ((given[3:] * 2, True), (given[2:], False))
    )
    assert same.startswith(
        "Training on these images took the r of the same layer (pooled, 1,024 features) from 0.60 before training to 0.65: +0.05 ("
    )
    assert last.startswith(
        "The last layer (penultimate, 128 features) has 0.65, against 0.60 before training (pooled, 1,024 features): +0.05 ("
    )


def with_same_layer(found: Study) -> Study:
    """The study with the layer `pooled` of the trained network `a` as well."""
    pooled = found.summary.query("model == 'a'").assign(layer="pooled", held_out_mean_r=0.7)
    rows = found.comparison.query("differs_in == 'training'").assign(layer_a="pooled", mean_r_a=0.7, difference=0.3)
    return replace(found, summary=pd.concat([pooled, found.summary]), comparison=pd.concat([found.comparison, rows]))


def test_the_same_layer_comes_before_the_last_one():
    gains = added(with_same_layer(study()), "a")
    assert [(gain.kind, gain.is_same_layer) for gain in gains] == [
        ("pretrained", True), ("pretrained", False), ("untrained", True), ("untrained", False),
    ]  # fmt: skip
    assert [gain.layer for gain in gains] == ["pooled", "penultimate"] * 2
    assert [gain.trained for gain in gains[::2]] == pytest.approx([0.7, 0.7])
    assert [gain.found.value for gain in gains[::2]] == [0.3, 0.3]


def test_what_training_added_is_the_paired_difference_in_either_order_of_the_table():
    found = study()
    gains = added(found, "a")
    pairs = found.comparison[found.comparison["differs_in"] == "training"]
    assert [gain.kind for gain in gains] == ["pretrained", "untrained"]
    assert [gain.found.value for gain in gains] == pairs["difference"].tolist()
    assert [gain.found.low for gain in gains] == pairs["low_subtypes"].tolist()
    assert [gain.training for gain in gains] == ["Training on these images", "Pretraining and training together"]
    sides = {f"{part}_{side}": f"{part}_{other}" for part in ("model", "layer") for side, other in ("ab", "ba")}
    turned = found.comparison.rename(columns=sides)
    ends = {f"{end}_{units}": -turned[f"{other}_{units}"] for units in ("images", "subtypes") for end, other in (("low", "high"), ("high", "low"))}  # fmt: skip
    turned = turned.assign(difference=-turned["difference"], **ends)
    assert added(replace(found, comparison=turned), "a") == gains
    assert added(found, "b") == []


def test_a_network_that_learnt_coordinates_is_said_to_have():
    found = study()
    assert training_in_words(found) == [gain.in_words() for gain in added(found, "a")]
    models = [each | {"objective": "joint"} for each in found.config["models"]]
    learnt = replace(found, config=found.config | {"models": models})
    assert training_in_words(learnt)[0] == "It was trained to predict the coordinates of the training images."


def test_the_closest_of_all_networks_is_named_with_those_not_clearly_different_and_ensembles_stand_apart():
    found = study()
    r = found.entries.set_index("model")["mean_r"]
    ranking, ensemble = closest_in_words(found)
    assert ranking == (
        f"a (r = {r['a']:.2f}); not clearly different: a-pretrained ({r['a-pretrained']:.2f}); "
        f"clearly less close: b ({r['b']:.2f}) and a-untrained ({r['a-untrained']:.2f})."
    )
    assert ensemble.startswith("The ensemble all, an average of several networks, has r = 0.90")
    for changes in ({"low_subtypes": -0.1}, {"p_subtypes_holm": 0.2}):
        alike = replace(found, comparison=found.comparison.assign(**changes))
        assert "clearly less close" not in closest_in_words(alike)[0]
    few = replace(found, comparison=found.comparison.assign(low_subtypes=np.nan, low_images=np.nan))
    assert "; not compared with it: " in closest_in_words(few)[0]
    assert "clear" not in closest_in_words(few)[0]


def test_a_baseline_that_is_closer_than_the_trained_network_is_said_plainly():
    found = study()
    closer = in_summary(
        found, held_out_mean_r=found.summary["held_out_mean_r"] + 0.5 * (found.summary["model"] == "a-pretrained")
    )
    ranking, plainly, apart, trained, _ = closest_in_words(closer)
    assert ranking.startswith("a-pretrained (r = ")
    assert ", a network before training on these images; " in ranking
    assert "not compared with it: b (" in ranking
    assert (
        plainly
        == "So the network before training has a higher r, but not clearly, in its last layer than the trained one, a."
    )
    assert apart == "Baselines apart:"
    assert trained.startswith("a (r = ")
    clear = closer.comparison.assign(difference=-0.2, low_subtypes=-0.3, high_subtypes=-0.1, p_subtypes_holm=0.01)
    assert (
        closest_in_words(replace(closer, comparison=clear))[1]
        == "So the network before training is clearly closer to people in its last layer than the trained one, a."
    )
    both = with_same_layer(closer)
    assert closest_in_words(both)[1].endswith("; in the same layer the trained one is not clearly closer (0.70).")
    assert "above chance (0.10), and 0.70 after training; with random" in answer(both)


def test_where_people_chose_the_best_space_of_a_network_stands_between_peoples_own_and_other_people(tmp_path):
    assert "People's choices" not in dict(points(study()))
    assert dict(points(with_choices(study())))["People's choices"] == (
        "Of 3 spaces of networks, that of ensemble all (learnt coordinates) predicts people's 2,000 choices of a category best by the generalized "
        "context model (sensitivity, fitted to choices of other subtypes). From guessing (0) to the observed shares of the choices (1), "
        "the right answers alone reach 0.80, this space 0.86, people's own coordinates 0.87 and the choices of all other people 0.90. The "
        "log-likelihood of a response is 0.012 nats lower than in people's own coordinates (95 % interval of the difference -0.032 to +0.008 "
        "over people). The best of several spaces is somewhat too good, since it was found on these choices."
    )
    nameless = dict(points(with_choices(study(), named=False)))["People's choices"]
    assert "other people" not in nameless
    assert "(95 % interval of the difference -0.072 to +0.048 over subtypes)" in nameless
    assert "What people took the images for" not in overview_of(study(), tmp_path)


def test_where_people_guessed_no_space_is_said_to_explain_anything(tmp_path):
    found = with_choices(study())
    guessed = replace(found, choices=found.choices.assign(explained=np.nan, saturated_per_response=-2.0))
    said = "People's choices are spread evenly, as by guessing, so there is nothing that a space could explain."
    assert dict(points(guessed))["People's choices"] == said
    assert np.isnan(others_explained(guessed.choices))
    assert "nan" not in overview_of(guessed, tmp_path).lower().split()


def test_every_space_that_explains_choices_has_a_row_the_best_first_with_the_layer_to_show_over_seeds(tmp_path):
    found = with_choices(study())
    rows = choice_rows(found)
    assert [row.name for row in rows] == [
        "joint", "people's own coordinates", "ensemble all (learnt coordinates)", "a (predicted coordinates)", "b (the embedding)",
        "the right answers alone", "people: each by all others, and as observed",
    ]  # fmt: skip
    own, of_a = rows[1], rows[3]
    assert own.marks == [("interval", pytest.approx(1.28 / 1.5), pytest.approx(1.32 / 1.5)), ("published", *[pytest.approx(1.3 / 1.5)] * 2)]  # fmt: skip
    assert (of_a.note, of_a.figures["beyond_people"]) == ("2 seeds", pytest.approx(-0.15))
    assert np.isnan(of_a.figures["beyond_people_low"])
    assert of_a.figures["log_likelihood"] == pytest.approx(2000 * -0.85 + 10)
    assert rows[-1].marks == [("chance", *[pytest.approx(0.9)] * 2)]
    page = overview_of(found, tmp_path)
    for said in (
        "What people took the images for",
        "0.867 (0.853 to 0.880)",
        "-0.012 (-0.032 to +0.008)",
        "-1,390.0",
        "right, new: igneous",
        "48.8 %",
        "60.0 % (55.0 to 65.0)",
    ):
        assert said in page
    assert ("images on which they part", "human_choices.images.png") in dict(pictures(found))["people's choices"]


def test_notes_begin_with_the_weightiest_and_technical_ones_are_apart():
    limits, technical = notes(study(metrics={("a", "0"): {"selection": "validation"}}))
    assert limits[0].startswith("The validation images decided when to stop training")
    assert limits[1] == "48 images are few."
    assert limits[2].startswith("The closest of 2 networks was found on the images that it is scored on")
    one = study()
    alone = replace(one, summary=one.summary[one.summary["model"] != "b"])
    assert notes(alone)[0] == ["48 images are few."]
    assert technical == ["2 of 9 features are constant."]


def test_the_figure_has_the_mean_first_then_the_dimensions_from_the_highest_r_on(tmp_path, monkeypatch):
    profile = replace(study().profile("a"), ceiling=Ceiling(0.5, 0.6, 0.4, 12))
    rows = rows_on_page(profile, lowest_tick([profile]))
    assert [row["name"] for row in rows] == ["mean of 3 dimensions", "with individual people", "size", "hue", "shape"]
    assert [row["fails"] for row in rows] == [False, False, False, False, True]
    assert {kind for kind, *_ in rows[0]["marks"]} == {"band", "chance", "interval", "pretrained", "untrained", "dot"}
    for row in rows:
        assert all(0 <= low <= high <= 1 for _, low, high, _ in row["marks"])
    (figure,) = drawn(
        monkeypatch, lambda: dimensions_figure(profile, "rocks: a", [tmp_path / "a.png", tmp_path / "a.svg"])
    )
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == [row["name"] for row in rows]
    places = {line.get_label(): line.get_xdata() for line in axis.lines}
    assert places["r held-out"] == pytest.approx(
        [profile.rows[0].found.value, *(row.found.value for row in profile.by_r)]
    )
    assert (tmp_path / "a.svg").read_text().count("mean of 3 dimensions") == 1


def drawn(monkeypatch, draw) -> list:
    """The figures that are saved."""
    found, saved = [], dimensions.save
    monkeypatch.setattr(dimensions, "save", lambda figure, *given: (found.append(figure), saved(figure, *given)))
    draw()
    return found


def test_a_study_of_one_dimension_without_chance_or_baselines_has_one_row(tmp_path):
    found = study()
    one = replace(
        found,
        dimensions=found.dimensions.query("dimension == 'size'"),
        baselines={"a": {}, "b": {}},
        nulls={run: table.assign(p_held_out_subtypes_holm=np.nan, p_held_out_images_holm=np.nan) for run, table in found.nulls.items()},
    )  # fmt: skip
    profile = one.profile("a")
    assert [row["name"] for row in rows_on_page(profile, 0.0)] == ["size"]
    with warnings.catch_warnings(action="error"):  # of a layout that has no room
        dimensions_figure(profile, "one", [tmp_path / "one.png"])
        long = f"{'a' * 99}: {'b' * 99}, layer {'c' * 99}, mean of 2 seeds"
        dimensions_figure(replace(profile, rows=found.profile("a").rows[:1]), long, [tmp_path / "one.png"])
    assert dimensions_in_words(one) == []


@pytest.mark.parametrize(
    ("lowest", "low", "texts"), [(0.1, 0.0, 6), (-0.3, -0.4, 8), (-0.4, -0.4, 8), (-0.41, -1.0, 5), (-0.75, -1.0, 5), (-1.0, -1.0, 5)]
)  # fmt: skip
def test_the_scale_ends_at_1_and_has_a_tick_at_its_start_and_at_0(lowest, low, texts):
    assert lowest_tick([DimensionProfile("a", "x", [Profiled("size", Estimate(lowest))])]) == low
    found = ticks(low)
    assert len(found) == texts
    assert found[0] == (pytest.approx(0), f"{abs(low) and low:.1f}")
    assert found[-1] == (pytest.approx(1), "1.0")
    assert (pytest.approx(-low / (1 - low)), "0.0") in found


def test_notes_of_all_layers_are_said_once_and_those_of_one_with_its_name():
    runs = [("a", 0, "x"), ("b", 0, "x")]
    said = notes_of(runs, [{"notes": ["small", "odd"]}, {"notes": ["small"]}])
    assert said == ["small", "a: odd"]
    several = notes_of([*runs, ("a", 1, "y")], [{"notes": ["odd"]}, {}, {"notes": ["even"]}])
    assert several == ["a, seed 0, x: odd", "a, seed 1, y: even"]


def test_a_reference_holds_only_for_the_coordinates_it_was_measured_with(tmp_path):
    manifest = tmp_path / "raw.manifest.json"
    files = {"mds_120.txt": "a" * 64, "mds_360.txt": "b" * 64}
    entries = [{"path": p, "size": 1, "md5": "c" * 32, "sha256": sha, "url": None} for p, sha in files.items()]
    manifest.write_text(json.dumps(entries))
    references = [{"label": str(sha), "coordinates_sha256": sha} for sha in (None, "a" * 64, "b" * 64)]

    def kept(validation):
        return [
            r["coordinates_sha256"] for r in applicable(references, [manifest], {"splits": {"validation": validation}})
        ]

    assert kept({"coordinates": "mds_120.txt"}) == [None, "a" * 64]
    assert kept({"coordinates": "other.txt"}) == [None]
    assert kept({"fraction": 0.2}) == [None]


def test_run_times_are_added_up_by_stage(tmp_path):
    header = "s\th:m:s\tmax_rss\n"
    (tmp_path / "finetune").mkdir()
    (tmp_path / "finetune/a-0.tsv").write_text(header + "10.5\t0:00:10\t2048\n")
    (tmp_path / "finetune/b-0.tsv").write_text(header + "20.0\t0:00:20\t1024\n")
    (tmp_path / "summary.tsv").write_text(header + "0.2\t0:00:00\t-\n")
    stages = stage_runtimes(tmp_path)
    assert stages["stage"].tolist() == ["finetune", "summary"]
    assert stages["jobs"].tolist() == [2, 1]
    assert stages["seconds"].tolist() == [30.5, 0.2]
    assert stages["memory_mb"].iloc[0] == 2048
    assert np.isnan(stages["memory_mb"].iloc[1])
    assert stage_runtimes(tmp_path / "nowhere").empty


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.23, "0.2 s"), (12.4, "12 s"), (59.7, "1 min 00 s"), (245, "4 min 05 s"), (7620, "2 h 07 min")],
)
def test_durations_are_written_as_people_say_them(seconds, text):
    assert clock(seconds) == text


def test_provenance_names_the_data_by_its_checksum_and_no_path_of_the_machine(tmp_path):
    manifest = tmp_path / "raw.manifest.json"
    manifest.write_text("[]")
    models = [{"backbone": "resnet50"}, {"backbone": "a.onnx"}]
    config = {"seeds": [0, 1], "models": models, "dataset": {"source": "directory", "directory": str(tmp_path)}}
    reading = tmp_path / "reading.json"
    reading.write_text(
        '[["mds.csv: column \'id\' names the images", "dimensions: x, y", "ignored: n_raters (counts)"]]'
    )
    found = provenance(config, "results/a/config.yaml", [manifest], reading)
    assert found["coordinates"] == "mds.csv: column 'id' names the images. dimensions: x, y. ignored: n_raters (counts)"
    assert hashlib.sha256(b"[]").hexdigest()[:16] in found["data"]
    assert found["seeds"] == "0, 1"
    assert "keras 3." in found["packages"]
    assert "onnxruntime 1." in found["packages"]
    assert "keras-hub" not in found["packages"]
    assert str(tmp_path) not in " ".join(found.values())
    assert "choices" not in found
    choices = tmp_path / "choices.json"
    choices.write_text('{"notes": ["read: 1 file", "left out: 3 rows by choices.only"]}')
    found = provenance(config, "results/a/config.yaml", [manifest], reading, choices)
    assert found["choices"] == "read: 1 file; left out: 3 rows by choices.only"


def test_the_commit_is_named_where_there_is_one_with_a_word_about_changes(tmp_path):
    assert git_commit(tmp_path) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    (tmp_path / "file").write_text("one")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True)
    commit = git_commit(tmp_path)
    assert len(commit) == 12
    (tmp_path / "file").write_text("two")
    assert git_commit(tmp_path) == f"{commit} + changes"


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_configuration_as_written_makes_the_same_run_again(file):
    default = yaml.safe_load((CONFIGS / "config.yaml").read_text())
    config = validated(laid_over(default, yaml.safe_load(file.read_text())))
    config["choices"]["files"] = ["choices.csv"]
    again = validated(laid_over(default, yaml.safe_load(configuration(config))))
    assert again == config


def test_a_page_tells_no_folder_of_the_machine_that_made_it():
    shown = without_folders(
        {
            "dataset": {"directory": "/home/maria/photos", "splits": {"train": {}}},
            "choices": {"files": ["~/study/choices.csv"], "studied": {"file": "/home/maria/studied.csv"}},
            "models": [
                {"backbone": "/home/maria/nets/a.keras", "weights": "imagenet", "embeddings": None},
                {"backbone": "keras_hub:/home/maria/dinov2", "embeddings": "own/clip.npz", "note": "/a/b"},
                {"backbone": "C:\\Users\\maria\\a.onnx", "embeddings": ["/home/maria/clip.npz", "b.npz"]},
            ],
        }
    )
    assert shown == {
        "dataset": {"directory": ".../photos", "splits": {"train": {}}},
        "choices": {"files": [".../choices.csv"], "studied": {"file": ".../studied.csv"}},
        "models": [
            {"backbone": ".../a.keras", "weights": "imagenet", "embeddings": None},
            {"backbone": "keras_hub:.../dinov2", "embeddings": "own/clip.npz", "note": "/a/b"},
            {"backbone": ".../a.onnx", "embeddings": [".../clip.npz", "b.npz"]},
        ],
    }


def test_what_a_table_holds_is_text_on_its_page_and_never_markup(tmp_path):
    path = tmp_path / "summary.csv"
    summary(model="<b>x</b>", held_out_mean_r=0.12345, held_out_mean_r_p=2e-5).to_csv(path, index=False)
    write_table_page(path, tmp_path / "page.html", "a & b")
    page = (tmp_path / "page.html").read_text()
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x" not in page
    assert "a &amp; b" in page
    for text in (">layer<", ">0.123 <small>(0.300 to 0.700)</small><", ">≤ 0.001<"):
        assert text in page


SIZES = {"wide": {"width": 1366, "height": 768}, "narrow": {"width": 390, "height": 844, "touch": True}}


@pytest.fixture(scope="module")
def page_of(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rocks")
    (folder / "benchmarks").mkdir()
    write_overview(folder / "overview.html", study(), {"Rockspace": "1"})
    return folder / "overview.html"


def fits(page) -> bool:
    """Whether nothing of a page lies beside the window."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def meaning(page) -> str:
    return page.locator(".tip:visible").inner_text()


@pytest.mark.parametrize("size", SIZES)
def test_names_as_long_as_they_may_be_widen_no_page(visit, tmp_path, size):
    found, longest = study(), "m" * 100
    names = {"a": longest, "size": "d" * 200}
    renamed = {key: getattr(found, key).replace(names) for key in ("summary", "entries", "comparison", "dimensions")}
    by_run = {key: {(names.get(name, name), seed): value for (name, seed), value in getattr(found, key).items()}
              for key in ("metrics", "alignments", "nulls")}  # fmt: skip
    by_run["nulls"] = {run: table.replace(names) for run, table in by_run["nulls"].items()}
    by_model = {key: {names.get(name, name): value for name, value in getattr(found, key).items()} for key in ("layers", "baselines")}  # fmt: skip
    config = found.config | {"models": [each | {"name": names.get(each["name"], each["name"])} for each in found.config["models"]]}  # fmt: skip
    write_overview(tmp_path / "overview.html", replace(found, config=config, **renamed, **by_run, **by_model), {})
    for name in ("summary", "comparison"):
        renamed[name].to_csv(tmp_path / f"{name}.csv", index=False)
        write_table_page(tmp_path / f"{name}.csv", tmp_path / f"{name}.html", name)
    for name in ("overview", "summary", "comparison"):
        page = visit(tmp_path / f"{name}.html", **SIZES[size])
        page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
        assert fits(page), name
        assert page.locator("td.text").evaluate_all("all => all.every(each => each.offsetWidth <= 300)"), name


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dark", [False, True])
def test_the_overview_fits_any_window_and_stands_in_nobodys_way(visit, page_of, size, dark):
    page = visit(page_of, **SIZES[size], dark=dark)
    assert fits(page)
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
    assert fits(page)
    assert obstacles(page) == []


def test_the_answer_comes_first_and_each_row_of_the_figure_says_what_it_shows(visit, page_of):
    page = visit(page_of)
    assert page.locator("h1 + p").inner_text() == answer(study())
    assert page.locator(".answer").bounding_box()["y"] < 100
    row = page.locator(".profile:visible details").nth(1)
    assert not row.locator("p").is_visible()
    row.locator("summary").focus()
    page.keyboard.press("Enter")
    words = row.locator("p").inner_text()
    assert words.startswith("size: r = 0.9")
    for part in ("95 % interval", "over subtypes", "chance 0.100", "the same network before training"):
        assert part in words
    # Ticks, dots and bands share one scale.
    at = page.locator(".profile:visible .ends span").evaluate_all("all => all.map(each => { const box = each.getBoundingClientRect(); return [Number(each.textContent), box.x + box.width / 2] })")  # fmt: skip
    dot = page.locator(".profile:visible details").first.locator("circle.dot").bounding_box()
    (low, left), (high, right) = at[0], at[-1]
    shown = low + (dot["x"] + dot["width"] / 2 - left) / (right - left) * (high - low)
    assert shown == pytest.approx(study().best["held_out_mean_r"], abs=0.01)


def test_no_mark_of_a_row_hides_another(visit, page_of):
    page = visit(page_of)
    for row in page.locator(".profile:visible details svg.track").all():
        order = row.evaluate("each => [...each.querySelectorAll('[class]')].map(mark => mark.getAttribute('class'))")
        assert order.index("interval") < order.index("chance")  # what is drawn later lies above
        place = "each => { const {y, height} = each.getBBox(), lane = Number(each.parentNode.getAttribute('y')); return [lane + y, lane + y + height]; }"
        before, random = (row.locator(f"path.{kind}").evaluate(place) for kind in ("pretrained", "untrained"))
        assert before[1] < random[0]
        assert random[1] < float(row.get_attribute("height"))


def test_each_dimension_leads_to_its_images_in_the_explorer(visit, page_of):
    page = visit(page_of)
    links = page.locator(".profile:visible details p a")
    addresses = links.evaluate_all(
        "all => all.map(each => Object.fromEntries(new URLSearchParams(each.hash.slice(1))))"
    )
    assert [each["x"] for each in addresses] == [row.name for row in study().profile("a").by_r]
    assert {(each["model"], each["layer"]) for each in addresses} == {("a", LAST["a"])}
    assert {href.split("#")[0] for href in links.evaluate_all("all => all.map(each => each.getAttribute('href'))")} == {
        "explorer.html"
    }


def test_alignment_by_layer_is_linked_where_there_are_several_layers():
    found = study(config=study().config | {"dataset": {"source": "directory", "splits": {}}})
    assert dict(pictures(found))["alignment by layer"] == []
    early = found.summary[found.summary["model"] == "a"].assign(layer="block1")
    found = replace(found, summary=pd.concat([early, found.summary]))
    assert dict(pictures(found))["alignment by layer"] == [("a", "models/a/layer_profile.png")]


def test_a_page_that_shows_the_overview_without_its_script_shows_all_of_it(visit, page_of, tmp_path):
    """As Snakemake's report does: as a text in a script, given to an element."""
    frame = tmp_path / "frame.html"
    text = json.dumps(page_of.read_text())
    frame.write_text(
        f"<!doctype html><html lang=en><title>Report</title><div id=front></div><script>front.innerHTML = {text}</script>"
    )
    page = visit(frame, dark=True)
    assert page.locator(".answer").inner_text() == answer(study())
    assert page.locator(".profile:visible").count() == 1
    assert page.locator("#chooser").is_hidden()
    page.locator(".profile:visible summary").nth(1).click()
    assert page.get_by_text("size: r = ").first.is_visible()
    assert page.locator("thead button").first.get_attribute("title").startswith("Mean over dimensions")
    # The report is light, whatever the system prefers.
    assert page.locator(".rockspace").evaluate("each => getComputedStyle(each).backgroundColor") == "rgb(255, 255, 255)"


def test_another_network_is_chosen_by_keyboard(visit, page_of):
    page = visit(page_of)
    first = page.locator(".profile:visible summary").first.inner_text()
    page.get_by_role("combobox", name="Network").focus()
    page.keyboard.press("ArrowDown")
    assert page.locator(".profile:visible").count() == 1
    assert page.locator(".profile:visible summary").first.inner_text() != first


def test_what_a_number_means_is_seen_by_mouse_by_keyboard_and_by_touch(visit, page_of):
    about = "r held-out"
    page = visit(page_of)
    page.locator("section[aria-labelledby=models] td:not(.scale)").first.hover()
    assert meaning(page).startswith(about)
    page.keyboard.press("Escape")
    assert page.locator(".tip").is_hidden()
    page.locator("section[aria-labelledby=models] thead button").first.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert meaning(page).startswith("Mean over dimensions of the correlation")
    phone = visit(page_of, **SIZES["narrow"])
    phone.locator("section[aria-labelledby=models] td:not(.scale)").first.tap()
    assert meaning(phone).startswith(about)
    box = phone.locator(".tip").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    phone.locator("h1").tap()
    assert phone.locator(".tip").is_hidden()


@pytest.mark.parametrize(("layers", "is_open"), [(3, True), (20, False)])
def test_every_layer_has_a_row_and_many_are_folded(visit, tmp_path, layers, is_open):
    found = study()
    a = found.summary[found.summary["model"] == "a"]
    early = [a.assign(layer=f"block{i}", held_out_mean_r=i / 40) for i in range(layers)]
    write_overview(tmp_path / "overview.html", replace(found, summary=pd.concat([*early, found.summary])), {})
    section = visit(tmp_path / "overview.html").locator("section[aria-labelledby=layers]")
    rows = section.locator("tbody tr")
    assert rows.count() == layers + len(LAST) + 1
    assert (
        rows.first.locator("th").text_content()
        == "a layer block0, rotation of principal components, 2 seeds, 0.000 to 0.000"
    )
    assert section.locator("table").is_visible() == is_open
    if not is_open:
        section.locator("summary").press("Enter")
    assert rows.last.is_visible()


def test_the_words_of_the_answer_have_their_meaning_once_each_and_names_stay_text(visit, page_of):
    phone = visit(page_of, **SIZES["narrow"])
    words = phone.locator(".answer button")
    assert words.all_inner_texts() == [
        "layer",
        "dimensions",
        "r",
        "95 % interval",
        "subtypes",
        "chance",
        "Before training",
    ]
    words.nth(5).tap()
    assert meaning(phone) == WORDS["chance"]
    parts = explained("<b>chance</b> and chance: r = 0.5")
    assert parts == [
        ("<b>", ""),
        ("chance", WORDS["chance"]),
        ("</b> and chance: ", ""),
        ("r", WORDS["r"]),
        (" = 0.5", ""),
    ]


def test_every_figure_of_a_row_is_seen_on_a_phone(visit, page_of):
    page = visit(page_of, **SIZES["narrow"])
    cells = page.locator("section[aria-labelledby=models] tbody tr").first.locator("td:not(.scale):not(.none)")
    assert cells.count() >= 6
    for cell in cells.all():
        assert cell.is_visible()
        assert cell.evaluate("each => getComputedStyle(each, '::before').content").strip('"') == cell.get_attribute(
            "data-heading"
        )


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    found = study()
    found.summary.to_csv(folder / "summary.csv", index=False)
    many = [found.comparison.assign(model_a=f"a{i}", difference=i / 100, low_subtypes=(i - 5) / 100, high_subtypes=(i + 5) / 100) for i in range(30)]  # fmt: skip
    pd.concat([*many, found.comparison.iloc[:1].assign(difference=np.nan)]).to_csv(
        folder / "comparison.csv", index=False
    )
    for name in ("summary", "comparison"):
        write_table_page(folder / f"{name}.csv", folder / f"{name}.html", f"rocks: {name}")
    return folder


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["summary", "comparison"])
def test_a_table_scrolls_within_itself_under_its_headings_and_beside_its_first_column(visit, tables, name, size):
    page = visit(tables / f"{name}.html", **SIZES[size])
    assert fits(page)
    assert obstacles(page) == []
    before = page.locator("tbody th").first.bounding_box()["x"], page.locator("thead th").first.bounding_box()["y"]
    page.locator(".scroll").evaluate("each => each.scrollTo(10000, 60)")
    assert page.locator("tbody th").first.bounding_box()["x"] == before[0]
    assert page.locator("thead th").first.bounding_box()["y"] == pytest.approx(before[1])
    # The last column is reached, and the fixed one leaves room for it.
    last, table = page.locator("thead th").last.bounding_box(), page.locator(".scroll").bounding_box()
    assert last["x"] + last["width"] <= table["x"] + table["width"] + 1
    assert page.locator("tbody th").first.bounding_box()["width"] < 0.5 * table["width"]


@pytest.mark.parametrize("name", ["summary", "comparison"])
def test_on_a_phone_a_table_begins_with_its_main_figure_and_says_how_many_columns_are_to_the_right(visit, tables, name):
    page = visit(tables / f"{name}.html", **SIZES["narrow"])
    edge = page.locator(".scroll").bounding_box()
    figure = page.locator("tbody tr").first.locator("td").first
    main = {"summary": "r held-out", "comparison": "difference"}[name]
    assert page.locator("thead th").nth(1).inner_text().startswith(main)
    box = figure.bounding_box()
    assert box["x"] + box["width"] <= edge["x"] + edge["width"]
    more, seen = page.locator("#more"), set()
    while "more column" in (said := more.inner_text()):
        hidden = [each for each in page.locator("thead th").all() if (box := each.bounding_box())["x"] + box["width"] > edge["x"] + edge["width"] + 1]  # fmt: skip
        assert said.split()[0] == str(len(hidden))
        assert said not in seen
        seen.add(said)
        more.tap()
        wait_for(page, "said => document.getElementById('more').textContent !== said", arg=said)
    assert page.locator("thead th").last.bounding_box()["x"] < edge["x"] + edge["width"]
    more.tap()
    wait_for(page, "document.querySelector('.scroll').scrollLeft === 0")
    wide = visit(tables / f"{name}.html", width=4000)
    assert wide.locator("#more").is_hidden()


def test_networks_are_named_with_the_layer_and_seed_that_tell_their_rows_apart():
    rows = pd.DataFrame({"model": ["a", "a", "b"], "layer": ["x", "y", "x"], "seed": ["0", "0", "0"]})
    assert [row["network"] for row in network_rows(rows)] == ["a (x)", "a (y)", "b (x)"]
    assert [row["network"] for row in network_rows(rows.iloc[1:])] == ["a", "b"]
    seeds = rows.assign(layer="x", seed=["0", "1", "0"])
    assert [row["network"] for row in network_rows(seeds)] == ["a (seed 0)", "a (seed 1)", "b"]


@pytest.mark.parametrize("name", ["summary", "comparison"])
def test_a_printed_table_has_every_column_and_row(visit, tables, name):
    page = visit(tables / f"{name}.html", width=1046, height=720)  # A4 across, with its margins
    page.emulate_media(media="print")
    assert fits(page)
    assert (
        page.locator("thead th").last.bounding_box()["x"] + page.locator("thead th").last.bounding_box()["width"]
        <= 1046
    )
    assert page.locator(".scroll").evaluate("each => each.clientHeight >= each.querySelector('table').offsetHeight")


def column(page, heading: str) -> list[str]:
    names = [text.split("\n")[0] for text in page.locator("thead th").all_inner_texts()]
    place = next(i for i, name in enumerate(names) if name.startswith(heading))
    return [cells[place] for cells in page.locator("tbody tr:visible").evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.dataset.value))")]  # fmt: skip


def test_a_table_is_sorted_by_click_and_by_keyboard_with_empty_cells_last(visit, tables):
    page = visit(tables / "comparison.html")
    heading = page.get_by_role("columnheader", name="difference")
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    found = column(page, "difference")
    assert found[-1] == ""
    assert [float(value) for value in found[:-1]] == sorted((float(value) for value in found[:-1]), reverse=True)
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column(page, "difference")[-1] == ""
    assert float(column(page, "difference")[0]) == 0
    page.get_by_role("columnheader", name="first and second").get_by_role("button").press("Enter")
    names = column(page, "first and second")
    # Numbers in names count as numbers.
    assert names.index(next(name for name in names if name.startswith("a2 "))) < names.index(next(name for name in names if name.startswith("a10 ")))  # fmt: skip
    assert page.locator("[aria-sort]").count() == 1
    assert meaning(page).startswith("The two that are compared")
    # It covers none of the figures that were sorted.
    tip, first = page.locator(".tip").bounding_box(), page.locator("tbody tr").first.bounding_box()
    assert tip["y"] + tip["height"] <= first["y"]


def test_a_table_is_searched_by_words_model_and_clear_differences(visit, tables):
    page = visit(tables / "comparison.html")
    total = page.locator("tbody tr").count()
    page.get_by_label("Find").fill("a7 pretrained")
    assert page.locator("tbody tr:visible").count() == 1
    assert page.locator("#count").inner_text() == f"1 of {total} rows"
    page.get_by_label("Find").fill("")
    page.get_by_label("Model").select_option("a-untrained")
    assert set(column(page, "first and second")) <= {f"a{i} vs. a-untrained" for i in range(30)}
    page.get_by_label("Model").select_option("")
    page.get_by_label("clear differences only").check()
    assert 0 < page.locator("tbody tr:visible").count() < total
    assert "not clear" not in column(page, "which is closer")


def test_a_difference_is_clear_where_its_interval_excludes_0_and_p_is_small():
    found = study()
    row = pair_rows(found.comparison.query("model_b == 'a-untrained'"))[0]
    assert (row["pair"], row["verdict"], row["over"]) == ("a vs. a-untrained", "a", "subtypes")
    for changes in ({"p_subtypes_holm": 0.2}, {"low_subtypes": -0.1}):
        assert (
            pair_rows(found.comparison.query("model_b == 'a-untrained'").assign(**changes))[0]["verdict"] == "not clear"
        )
    few = pair_rows(found.comparison.query("model_b == 'a-untrained'").assign(p_subtypes_holm=np.nan))[0]
    assert (few["verdict"], few["p"], few["p_over"]) == ("a", "too few subtypes for a test", "")
    ends = dict.fromkeys(("low_images", "high_images", "low_subtypes", "high_subtypes"), np.nan)
    assert pair_rows(found.comparison.assign(**ends))[0]["verdict"] == "too few images"
    layers = pd.concat([found.comparison, found.comparison.assign(layer_a="block1")])
    assert pair_rows(layers)[0]["pair"] == "a (penultimate) vs. a-pretrained (pooled)"
    seeds = pair_rows(found.comparison.query("differs_in == 'seed' and model_a == 'a'"))
    assert seeds[0]["pair"] == "a (seed 0) vs. a (seed 1)"


def test_a_comparison_of_nothing_says_so(visit, tmp_path):
    study().comparison.iloc[:0].to_csv(tmp_path / "comparison.csv", index=False)
    assert read_table(tmp_path / "comparison.csv").empty
    write_table_page(tmp_path / "comparison.csv", tmp_path / "page.html", "rocks: comparison")
    page = visit(tmp_path / "page.html")
    assert "there is nothing to compare" in page.locator("main").inner_text()
    assert page.locator("table").count() == 0
    assert obstacles(page) == []
