"""Networks from elsewhere, each from two lines of configuration to its page: ready embeddings, a .keras and an .onnx file."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from onnx_networks import keras_resnet, onnx_resnet
from rockspace.artifacts import read_json
from rockspace.network_kinds import EMBEDDINGS_SUFFIXES, as_it_is
from rockspace.people.proposal import TABLES
from workflow_runs import Workplace

SIDE = 32


def summary_of(workplace: Workplace) -> pd.DataFrame:
    study = workplace.folder / "results/tiny"
    assert (study / "overview.html").is_file()
    return pd.read_csv(study / "summary.csv").set_index(["model", "layer"])


def run(workplace: Workplace, models: str) -> str:
    result = workplace.snakemake("--config", f"models={models}")
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


LITE = "{name: lite0, backbone: efficientnet_lite0, weights: imagenet, output_layer: block2b_add}"


@pytest.fixture(scope="module")
def clip(finished) -> pd.DataFrame:
    """Embeddings of all images and two more, by their paths, out of order; those of the images are people's coordinates and noise."""
    study = finished.folder / "results/tiny"
    catalog = pd.read_csv(study / "catalog.csv")
    people = pd.concat([pd.read_csv(study / f"coordinates/{split}.csv") for split in ("train", "validation")])
    rng = np.random.default_rng(0)
    known = people.set_index("image_id").loc[catalog["image_id"]].to_numpy()
    values = np.vstack([np.hstack([known, rng.normal(size=(len(known), 3))]), np.full((2, known.shape[1] + 3), np.nan)])
    table = pd.DataFrame(values.astype("f4")).assign(file=[*catalog["file"], "elsewhere/x.jpg", "elsewhere/y.jpg"])
    return table.sample(frac=1, random_state=0)


def test_ready_embeddings_stand_beside_a_model_in_every_table_and_page(finished, clip):
    numbers = clip.drop(columns="file").to_numpy()
    np.savez(finished.folder / "clip.npz", image_features=numbers, names=clip["file"].to_numpy(str))
    models = f"[{LITE}, {{name: clip, embeddings: clip.npz}}]"
    assert not {"infer", "train_head", "features"} & set(finished.planned("--config", f"models={models}"))
    run(finished, models)
    summary = summary_of(finished)
    assert summary.index.tolist() == [("lite0", "penultimate"), ("clip", "embeddings")]
    # What was put in is found again, so every row is at its image.
    assert summary.loc[("clip", "embeddings"), "held_out_mean_r"] > 0.95
    study = finished.folder / "results/tiny"
    stored = np.load(study / "models/clip/seed-0/embeddings/embeddings.npz")
    expected = clip.set_index("file").loc[pd.read_csv(study / "catalog.csv")["file"]].to_numpy()
    assert np.array_equal(stored["embedding"], expected.astype("f4"))
    assert "clip" in (study / "explorer.html").read_text()
    assert {"lite0", "clip"} <= set(pd.read_csv(study / "comparison.csv")[["model_a", "model_b"]].to_numpy().ravel())
    log = (study / "logs/ready_embeddings/clip-0-embeddings.log").read_text()
    assert f"{len(clip)} rows for {len(clip) - 2} images" in log
    # Content decides, not age.
    (finished.folder / "clip.npz").touch()
    assert not finished.planned("--config", f"models={models}")
    np.savez(finished.folder / "clip.npz", image_features=numbers * 2, names=clip["file"].to_numpy(str))
    assert set(finished.planned("--config", f"models={models}")) >= {"ready_embeddings", "procrustes", "overview"}


def test_a_keras_file_with_a_head_of_its_own_trains_and_has_baselines(tmp_path):
    keras.utils.set_random_seed(7)  # other weights than a baseline draws for seed 0
    x = inputs = keras.Input((SIDE, SIDE, 3))
    for i, width in enumerate((4, 8)):
        x = layers.Conv2D(width, 3, strides=2, name=f"conv{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(layers.BatchNormalization(name=f"norm{i}")(x))
    x = layers.Dense(12, activation="relu", name="own_features")(layers.GlobalAveragePooling2D()(x))
    workplace = Workplace(tmp_path / "e")
    keras.Model(inputs, layers.Dense(3, activation="softmax")(x)).save(workplace.folder / "mine.keras")
    models = "[{name: mine, backbone: mine.keras, preprocessing: unit, layers: [relu1, own_features, penultimate]}]"
    result = workplace.snakemake("--config", f"models={models}", "baselines=[pretrained, untrained]")
    assert result.returncode == 0, result.stdout + result.stderr
    summary = summary_of(workplace)
    assert [layer for model, layer in summary.index if model == "mine"] == [
        "relu1",
        "own_features",
        "pooled",
        "penultimate",
    ]
    assert {model for model, _ in summary.index} == {"mine", "mine-pretrained", "mine-untrained"}
    of = summary["held_out_mean_r"]
    assert of["mine-pretrained", "own_features"] != of["mine-untrained", "own_features"]
    assert read_json(workplace.folder / "results/tiny/models/mine/seed-0/metrics.json")["validation"]["top1"] >= 0
    again = ("--config", f"models={models}", "baselines=[pretrained, untrained]")
    assert not workplace.planned(*again)
    mine = keras.saving.load_model(workplace.folder / "mine.keras")
    mine.get_layer("conv0").kernel.assign(mine.get_layer("conv0").kernel * 2)
    mine.save(workplace.folder / "mine.keras")
    assert set(workplace.planned(*again)) >= {"features", "train_head", "finetune", "infer", "overview"}


def test_an_onnx_file_is_a_study_of_its_own_without_training(tmp_path):
    workplace = Workplace(tmp_path / "f")
    onnx_resnet(workplace.folder / "resnet.onnx", keras_resnet(), side=SIDE)
    said = run(workplace, "[{name: resnet, backbone: resnet.onnx, preprocessing: torch, layers: all-blocks}]")
    assert "resnet" in said
    summary = summary_of(workplace)
    assert summary.index.tolist() == [("resnet", layer) for layer in ("block0_relu.out", "block1_relu.out", "pooled")]
    assert summary["held_out_mean_r"].notna().all()
    study = workplace.folder / "results/tiny"
    assert not [path for path in study.rglob("*") if path.name in ("head.keras", "finetuned.keras", "metrics.json")]


PLANNED = {
    "an image size that is not the file's": (
        "[{name: r, backbone: r.onnx, preprocessing: torch, image_size: 34}]",
        "r.onnx takes images of 32 x 32 pixels, and would get 34 x 34; give model 'r' image_size: 32",
    ),
    "preprocessing of what is ready": (
        "[{name: c, embeddings: r.npz, preprocessing: torch}]",
        'models[0].preprocessing: found "torch"; allowed for ready embeddings: "none"',
    ),
    "no preprocessing": ("[{name: r, backbone: r.onnx}]", "models[0].preprocessing: found null; allowed for an .onnx file"),
    "a layer it lacks": (
        "[{name: r, backbone: r.onnx, preprocessing: torch, layers: [/block0_rel/out]}]",
        "has no layer 'block0_rel.out'; similar ones: block0_relu.out",
    ),
    "training": (
        "[{name: r, backbone: r.onnx, preprocessing: torch, objective: joint}]",
        'models[0].objective: found "joint"; allowed for an .onnx file: "none"',
    ),
    "random weights": (
        "[{name: r, backbone: r.onnx, preprocessing: torch, weights: none}]",
        'models[0].weights: found "none"; allowed for an .onnx file: "file"',
    ),
    "a missing file": ("[{name: r, backbone: s.onnx, preprocessing: torch}]", "models: r: backbone: no file 's.onnx'"),
    "weights that a preset does not come with": (
        "[{name: r, backbone: 'keras_hub:dinov2_base', weights: imagenet}]",
        "models: r: weights: no file 'imagenet'; allowed: preset, none, or the path of a .weights.h5 file",
    ),
    "a checkpoint of PyTorch": ("[{name: r, backbone: r.pth}]", "r.pth' is no .keras or .onnx file; export the network with torch"),
    "both": ("[{name: r, backbone: r.onnx, embeddings: c.npy}]", "found both of backbone and embeddings"),
    "neither": ("[{name: r}]", "found neither of backbone and embeddings"),
    "layers of ready embeddings": (
        "[{name: r, embeddings: c.npy, layers: [a]}]", 'models[0].layers: found ["a"]; allowed for ready embeddings: null',
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def planner(tmp_path_factory) -> Workplace:
    """A study that has not run, with the file of a network beside it."""
    workplace = Workplace(tmp_path_factory.mktemp("planned") / "study")
    onnx_resnet(workplace.folder / "r.onnx", side=SIDE)
    (workplace.folder / "c.npy").touch()
    return workplace


@pytest.mark.parametrize(("models", "message"), PLANNED.values(), ids=PLANNED)
def test_what_does_not_suit_a_kind_of_network_is_one_line_before_any_job(planner, models, message):
    result = planner.dry_run("--config", f"models={models}")
    assert result.returncode != 0
    assert message in result.stdout + result.stderr


def test_a_text_alone_is_a_network_as_it_is(planner):
    planned = planner.planned("--config", "models=efficientnet_lite0")
    assert not {"features", "train_head", "finetune", "evaluate"} & set(planned)
    assert planned["infer"] == 3
    assert planner.planned("--config", "models=[efficientnet_lite0, c.npy]")["ready_embeddings"] == 1


def test_a_text_that_names_any_kind_of_table_is_ready_embeddings():
    assert {*EMBEDDINGS_SUFFIXES} == {*TABLES}
    assert as_it_is("from/net.pth.NPZ") == {"name": "net.pth", "embeddings": "from/net.pth.NPZ"}
