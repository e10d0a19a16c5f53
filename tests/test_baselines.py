"""Baselines: each network of a study as pretrained and with random weights, with rows of its own and without training."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from rockspace.artifacts import read_json
from rockspace.baselines import baselines
from rockspace.config import validated
from rockspace.errors import RockspaceError
from rockspace.networks.layer_names import embedded_layers

CONFIG = yaml.safe_load(Path(__file__).parents[1].joinpath("config/config.yaml").read_text(encoding="utf-8"))
LITE = {"name": "lite", "backbone": "efficientnet_lite0"}


def of(*models: dict, **keys: object) -> tuple[list[str], dict[str, dict[str, str]]]:
    found, names = baselines(validated(CONFIG | {"models": list(models)} | keys))
    assert all(model["objective"] == "none" for model in found)
    return [model["name"] for model in found], names


def test_each_network_has_both_baselines_once_however_many_models_train_it():
    found, names = of(LITE, LITE | {"name": "slow", "recipe": {"finetune": {"learning_rate": 1e-6}}})
    assert found == ["efficientnet_lite0-pretrained", "efficientnet_lite0-untrained"]
    assert names == {name: dict(zip(["pretrained", "untrained"], found, strict=True)) for name in ("lite", "slow")}


@pytest.mark.parametrize(
    "change",
    [
        {"pooling": "mean_std"},
        {"output_layer": "block2b_add"},
        {"preprocessing": "unit"},
        {"image_size": 64},
        {"recipe": {"evaluate": {"views": 3}}},
    ],
)
def test_what_changes_the_features_makes_another_baseline_and_its_name_is_free(change):
    found, names = of(LITE, LITE | {"name": "efficientnet_lite0-pretrained-2"} | change)
    assert found == [
        "efficientnet_lite0-pretrained", "efficientnet_lite0-untrained", "efficientnet_lite0-pretrained-3",
        "efficientnet_lite0-untrained-2",
    ]  # fmt: skip
    assert names["efficientnet_lite0-pretrained-2"]["pretrained"] == "efficientnet_lite0-pretrained-3"


def test_a_baseline_has_the_layers_of_all_models_that_it_is_of_and_the_features_where_one_is_trained():
    def layers(*models: dict) -> dict[str, list[str]]:
        found, _ = baselines(validated(CONFIG | {"models": list(models)}))
        return {model["name"].removeprefix("efficientnet_lite0-"): model["layers"] for model in found}

    first, second = LITE | {"layers": ["block2b_add"]}, LITE | {"name": "b", "layers": ["block3b_add"]}
    both = ["block2b_add", "penultimate", "block3b_add"]
    assert layers(first, second) == {"pretrained": both, "untrained": both}
    assert layers(first | {"objective": "none"}) == {"untrained": ["block2b_add"]}


def test_no_network_is_its_own_baseline():
    assert of(LITE | {"weights": "none"})[0] == ["efficientnet_lite0-untrained"]
    assert of(LITE | {"objective": "none"})[0] == ["efficientnet_lite0-untrained"]
    assert of(LITE | {"objective": "none", "weights": "none"})[0] == []
    assert of(LITE, baselines=[]) == ([], {"lite": {}})
    assert of(LITE, baselines=["pretrained"])[0] == ["efficientnet_lite0-pretrained"]


def test_a_network_without_a_head_has_the_layers_of_its_backbone_and_ends_in_its_features():
    def layers(wanted: object, **model: object) -> list[str]:
        config = validated(
            CONFIG | {"models": [LITE | {"objective": "none"} | model], "embeddings": {"layers": wanted}}
        )
        return embedded_layers(config)["lite"]

    assert layers(["penultimate"]) == ["pooled"]
    assert layers(["pooled", "penultimate", "head_dense_1", "block2b_add"]) == ["block2b_add", "pooled"]
    assert layers("all-blocks", output_layer="block2b_add")[-2:] == ["block2b_add", "pooled"]
    with pytest.raises(RockspaceError, match="block2x_add"):
        layers(["block2x_add"])


def test_the_features_of_a_model_with_baselines_are_embedded_too_so_that_the_same_layer_is_compared():
    def layers(wanted: object, units: list[int]) -> list[str]:
        head = {"recipe": {"head": {"units": units}}}
        return embedded_layers(
            validated(CONFIG | {"models": [LITE | head], "embeddings": {"layers": wanted}}), ["lite"]
        )["lite"]

    assert layers(["penultimate"], [16]) == ["pooled", "penultimate"]
    assert layers(["penultimate", "pooled", "head_dense_1", "block2b_add"], [32, 16]) == [
        "block2b_add", "pooled", "head_dense_1", "penultimate"
    ]  # fmt: skip
    # What a linear head stands on are the features.
    assert layers(["penultimate"], []) == ["penultimate"]


def test_an_ensemble_takes_trained_networks_alone():
    with pytest.raises(RockspaceError, match=r"ensembles\[0\].models: found \"lite\"; allowed: \"trained\""):
        of(LITE | {"objective": "none"}, LITE | {"name": "trained"}, ensembles=[{"name": "both", "models": ["lite"]}])
    with pytest.raises(RockspaceError, match="no model is trained"):
        of(LITE | {"objective": "none"}, ensembles=[{"name": "both"}])


def test_adding_baselines_trains_nothing_and_gives_rows_pictures_and_the_gain_of_training(finished):
    more = ("--config", "baselines=[pretrained, untrained]")
    assert not {"train_head", "finetune", "features"} & set(finished.planned(*more))
    result = finished.snakemake(*more)
    assert result.returncode == 0, result.stdout + result.stderr
    study = finished.folder / "results/tiny"
    summary = pd.read_csv(study / "summary.csv").set_index("model")
    names = ["efficientnet_lite0-pretrained", "efficientnet_lite0-untrained"]
    assert summary.index.tolist() == ["lite0", "lite0", *names]
    assert summary["layer"].tolist() == ["pooled", "penultimate", "pooled", "pooled"]
    assert summary.loc[names, "validation_top1"].isna().all()
    comparison = pd.read_csv(study / "comparison.csv").query("differs_in == 'training'")
    assert comparison["layer_a"].tolist() == ["pooled", "pooled", "penultimate", "penultimate"]
    comparison = comparison.query("layer_a == 'penultimate'")
    assert comparison[["differs_in", "model_a", "model_b"]].to_numpy().tolist() == [["training", "lite0", name] for name in names]  # fmt: skip
    for name in names:
        run = study / f"models/{name}/seed-0"
        assert sorted(path.name for path in run.iterdir() if path.is_dir()) == ["alignment", "embeddings", "infer"]
        figures = read_json(run / "alignment/pooled.json")
        gain = comparison.set_index("model_b").loc[name]
        assert gain["mean_r_b"] == pytest.approx(figures["held_out"]["mean_r"])
        assert gain["difference"] == pytest.approx(summary["held_out_mean_r"].iloc[1] - gain["mean_r_b"])
    # Another seed trains the model and draws the random network again; the pretrained one stays the same.
    assert finished.planned(*more, "seeds=[0, 1]")["procrustes"] == 3


def test_the_pretrained_baseline_is_the_network_with_the_weights_of_the_file(finished):
    """Against the features that the first phase trains on, which another stage computes."""
    study = finished.folder / "results/tiny"
    with np.load(study / "models/efficientnet_lite0-pretrained/seed-0/embeddings/pooled.npz") as file:
        embedded = dict(zip(file["image_id"].tolist(), file["embedding"], strict=True))
    stored = sorted((study / "models/lite0/features").glob("train-*.npz"))
    plain = {}
    for path in stored:
        with np.load(path, allow_pickle=False) as file:
            plain |= dict(zip(file["image_id"].tolist(), file["plain"], strict=True))
    assert plain
    np.testing.assert_allclose([embedded[name] for name in plain], list(plain.values()), rtol=1e-4, atol=1e-4)
