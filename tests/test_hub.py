"""Presets of KerasHub: downloaded by its own code from a hub on loopback, built from a file, read, trained, saved."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import hub_presets
import standin_hub
from networks import relative_difference
from rockspace.errors import RockspaceError
from rockspace.inference.prediction import one_pass_model
from rockspace.network_kinds import files_of_preset
from rockspace.networks import hub
from rockspace.networks.classifier import attach_head, build_head, named_outputs, pooled_backbone
from rockspace.networks.hub_towers import tower_of
from rockspace.networks.preprocessing import MODES
from rockspace.networks.tokens import names_of, output_of
from rockspace.networks.training_copy import trained, training_copy
from rockspace.networks.vision_transformer import cubic_interpolation, load_arrays, vision_transformer
from rockspace.training.finetune import set_trainable
from test_training import defaults
from vision_references import FAMILIES, backbone
from vision_weights import DEPTH, NATIVE, OTHERS, images
from workflow_runs import Workplace

REFERENCE = Path(__file__).with_name("reference") / "vision.npz"
SIZES = (NATIVE, *OTHERS)
CLIP, DINO, SIGLIP = "keras_hub:clip_vit_base_patch32", "keras_hub:dinov2_base", "keras_hub:siglip_base_patch16_224"


# --- The same numbers as transformers ---


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    with np.load(REFERENCE) as file:
        return dict(file)


def said(family: str) -> dict[str, np.ndarray]:
    """What our network of a family says of the reference's images, by ``family/size/what``."""
    tower, found = tower_of(backbone(family), family), {}
    for size in SIZES:
        network = vision_transformer(tower.architecture, size, MODES["none"], family)
        load_arrays(network, tower.architecture, tower.arrays())
        names = [*(f"block_{number + 1}" for number in range(DEPTH)), "norm"]
        outputs = {name: network.get_layer(name).output for name in names} | {"features": network.output}
        for what, values in keras.Model(network.input, outputs)(images(size)).items():
            found[f"{family}/{size}/{what}"] = keras.ops.convert_to_numpy(values)
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_every_block_and_the_features_are_those_of_transformers_at_any_size_of_images(family, reference):
    found = said(family)
    assert set(found) == {name for name in reference if name.startswith(f"{family}/")}
    for name, values in found.items():
        assert np.abs(values - reference[name]).max() < 1e-4, name


def test_the_recorded_numbers_are_those_of_the_transformers_at_hand(reference):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    import vision_numbers

    found = vision_numbers.numbers()
    assert set(found) == set(reference)
    for name, values in found.items():
        np.testing.assert_allclose(values, reference[name], atol=1e-5, err_msg=name)


@pytest.mark.parametrize("antialias", [False, True])
def test_interpolation_keeps_what_is_constant_and_what_has_the_same_size(antialias):
    for before, after in ((4, 7), (7, 4), (37, 16), (5, 5)):
        matrix = cubic_interpolation(before, after, antialias=antialias)
        np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-12)
        np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-12)
        if before == after:
            np.testing.assert_allclose(matrix, np.eye(before), atol=1e-12)


# --- Presets ---


@pytest.fixture(scope="module")
def presets(tmp_path_factory) -> dict[str, Path]:
    """Folders of small presets, by name."""
    root = tmp_path_factory.mktemp("presets")
    for name, network in hub_presets.presets().items():
        hub_presets.save(network, root / name)
    return {folder.name: folder for folder in root.iterdir()}


@pytest.fixture
def server(presets, tmp_path, monkeypatch):
    """The hub, which this process takes for the real one."""
    server = standin_hub.StandInHub(presets)
    with server.serving() as port:
        for name, value in standin_hub.environment(port, tmp_path / "cache").items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture(scope="module")
def fetched(presets, tmp_path_factory) -> dict[str, Path]:
    """The files of vision towers, by the name of the preset, from local folders."""
    root = tmp_path_factory.mktemp("fetched")
    for name, folder in presets.items():
        hub.fetch(f"keras_hub:{folder}", root / name)
    return {name: root / name for name in presets}


def built(fetched, backbone: str, **options) -> keras.Model:
    arguments = {"image_size": hub_presets.IMAGE_SIZE} | options
    return hub.build(backbone, weights=fetched[backbone.removeprefix("keras_hub:")], **arguments)


def photographs(size: int = hub_presets.IMAGE_SIZE, count: int = 2) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 255, (count, size, size, 3)).astype(np.float32)


def test_a_preset_is_downloaded_by_kerashub_itself_and_says_the_same_afterwards(server, presets, tmp_path):
    import keras_hub

    for name in (DINO, CLIP):
        hub.fetch(name, tmp_path / "tower")
        preset = name.removeprefix("keras_hub:")
        assert [asked for asked in server.log if asked.startswith(preset)][:2] == [
            f"{preset}/config.json",
            f"{preset}/model.weights.h5",
        ]
        network = hub.build(name, image_size=hub_presets.IMAGE_SIZE, weights=tmp_path / "tower")
        converter = keras_hub.layers.ImageConverter.from_preset(str(presets[preset]))
        tower = tower_of(keras_hub.models.Backbone.from_preset(str(presets[preset])), preset)
        expected = tower.features(converter(photographs()))
        assert relative_difference(network(photographs()), expected) < 1e-5


def test_every_family_is_built_from_its_file_at_any_size_without_kerashub(fetched):
    code = """
import sys
sys.modules["keras_hub"] = None
from pathlib import Path
from rockspace.networks import hub
for path in map(Path, sys.argv[1:]):
    for size in 32, 48:
        network = hub.build(f"keras_hub:{path.name}", image_size=size, weights=path)
        print(path.name, network(network.input).shape[1])
"""
    command = [sys.executable, "-c", code, *map(str, fetched.values())]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    widths = {name: 24 if "clip" in name else 32 for name in fetched}
    assert result.stdout.split("\n")[:-1] == [f"{name} {width}" for name, width in widths.items() for _ in range(2)]


def test_the_text_tower_is_not_in_the_file(fetched, presets):
    for name in ("clip_vit_base_patch32", "siglip_base_patch16_224"):
        assert fetched[name].stat().st_size < 0.9 * (presets[name] / "model.weights.h5").stat().st_size
    assert not [name for name in names_of(built(fetched, CLIP)) if "text" in name or "token_embedding" in name]


def test_the_preprocessing_is_that_of_the_preset_or_one_said(fetched, presets):
    own = built(fetched, DINO).get_layer("preprocessing")
    np.testing.assert_allclose(own.scale, [1 / 50, 1 / 60, 1 / 70])
    np.testing.assert_allclose(own.offset, [-1.9, -2.0, -2.1])
    said = built(fetched, DINO, preprocessing="unit").get_layer("preprocessing")
    np.testing.assert_allclose(said.scale, [1 / 255] * 3)


def test_without_a_converter_in_the_preset_the_preprocessing_is_that_of_its_family(presets, tmp_path):
    (presets["siglip_base_patch16_224"] / "image_converter.json").rename(tmp_path / "converter")
    hub.fetch(f"keras_hub:{presets['siglip_base_patch16_224']}", tmp_path / "tower")
    (tmp_path / "converter").rename(presets["siglip_base_patch16_224"] / "image_converter.json")
    network = hub.build(SIGLIP, image_size=32, weights=tmp_path / "tower")
    np.testing.assert_allclose(network.get_layer("preprocessing").scale, [1 / 127.5] * 3)


def test_random_weights_are_drawn_anew_for_each_seed_and_the_same_for_one(fetched):
    first, again, other = (built(fetched, CLIP, pretrained=False, seed=seed) for seed in (1, 1, 2))
    pretrained = built(fetched, CLIP)
    for layer in ("patches", "block_2_attention", "positions", "image_features"):
        drawn = [network.get_layer(layer).get_weights()[0] for network in (first, again, other, pretrained)]
        np.testing.assert_array_equal(drawn[0], drawn[1])
        assert not np.array_equal(drawn[0], drawn[2])
        assert not np.array_equal(drawn[0], drawn[3])


# --- Layers ---


def test_a_block_is_the_mean_of_its_patches_and_its_class_token_has_a_name(fetched):
    network = built(fetched, DINO)
    names = ["block_1", "block_2_class_token", "norm", "patch_mean", "class_token"]
    found = one_pass_model(network, names, "mean")(photographs())
    tokens = keras.Model(network.input, [network.get_layer(name).output for name in ("block_1", "block_2", "norm")])
    first, second, norm = (keras.ops.convert_to_numpy(values) for values in tokens(photographs()))
    expected = [first[:, 1:].mean(1), second[:, 0], norm[:, 1:].mean(1), norm[:, 1:].mean(1), norm[:, 0]]
    for name, values in zip(names, expected, strict=True):
        np.testing.assert_allclose(found[f"layer/{name}"], values, atol=1e-5, err_msg=name)


def test_registers_are_no_patches(fetched):
    network = built(fetched, "keras_hub:dinov2_with_registers_small")
    tokens = keras.Model(network.input, network.get_layer("block_2").output)(photographs())
    found = one_pass_model(network, ["block_2"], "mean")(photographs())["layer/block_2"]
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(tokens)[:, 5:].mean(1), atol=1e-5)


@pytest.mark.parametrize(
    ("backbone", "layer", "width"),
    [(DINO, "class_token", 32), (CLIP, "image_features", 24), (SIGLIP, "image_features", 32)],
)
def test_the_features_are_those_of_the_family(fetched, backbone, layer, width):
    pooled = pooled_backbone(built(fetched, backbone))
    assert pooled.output.shape == (None, width)
    both = one_pass_model(pooled, ["pooled", layer], "mean")(photographs())
    np.testing.assert_array_equal(both["layer/pooled"], both[f"layer/{layer}"])


def test_names_before_any_job_are_those_that_can_be_read(fetched):
    for name, path in fetched.items():
        known, network = hub.layers(f"keras_hub:{path}"), built(fetched, f"keras_hub:{name}")
        assert (known.block_ends, known.multiple_of) == (["block_1", "block_2"], 8)
        for layer in known.names[1:]:
            assert output_of(network, layer).shape[-1] > 0, layer


def test_a_head_can_stand_on_several_layers_and_on_the_foreground_of_patches(fetched):
    network = built(fetched, DINO)
    pooled = pooled_backbone(network, ["block_1", "block_2_class_token", "patch_mean"], "mean_std")
    assert pooled.output.shape == (None, 2 * 32 + 32 + 32)
    assert pooled_backbone(network, ["block_2"], "foreground").output.shape == (None, 64)
    cut = pooled_backbone(built(fetched, DINO, output_layer="block_1"))
    expected = one_pass_model(network, ["block_1"], "mean")(photographs())["layer/block_1"]
    np.testing.assert_allclose(cut(photographs()), expected, atol=1e-5)
    token = pooled_backbone(built(fetched, DINO, output_layer="block_1_class_token"))
    assert "block_2" not in {layer.name for layer in token.layers}


# --- Training ---


def classifier(fetched, backbone: str) -> keras.Model:
    pooled = pooled_backbone(built(fetched, backbone))
    return attach_head(pooled, build_head(pooled.output.shape[-1], 3, defaults("head"), 0))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_block_and_what_follows_it_learns_and_what_precedes_it_stays(fetched, precision):
    for name in fetched:
        network = classifier(fetched, f"keras_hub:{name}")
        copy = training_copy(network, precision, freeze_norms=True)
        set_trainable(copy, "block_2")
        copy.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
        copy.train_on_batch(photographs(count=6), np.arange(6) % 3)
        learnt = trained(network, copy)
        for layer in ("block_2_norm_1", "block_2_mlp_2", "norm", "predictions"):
            before, after = (each.get_layer(layer).get_weights()[0] for each in (network, learnt))
            assert not np.array_equal(before, after), (name, layer)
            assert np.isfinite(after).all()
        for layer in ("patches", "positions", "block_1_mlp_1"):
            before, after = (each.get_layer(layer).get_weights()[0] for each in (network, learnt))
            np.testing.assert_array_equal(before, after)


def test_the_copy_that_trains_in_bfloat16_says_nearly_the_same(fetched):
    for name in fetched:
        network = classifier(fetched, f"keras_hub:{name}")
        copy = training_copy(network, "bfloat16", freeze_norms=True)
        blocks = {layer.name: layer.compute_dtype for layer in copy.layers if layer.name.startswith("block_")}
        wide = {name for name, dtype in blocks.items() if dtype != "bfloat16"}
        assert wide <= {name for name in blocks if name.endswith("_gelu")}
        assert copy.get_layer("predictions").compute_dtype == "float32"
        assert relative_difference(copy(photographs()), network(photographs())) < 0.05, name


def test_a_saved_classifier_loads_in_plain_keras_without_this_project_and_without_kerashub(fetched, tmp_path):
    for name in fetched:
        keras.utils.clear_session()
        network = classifier(fetched, f"keras_hub:{name}")
        network = trained(network, training_copy(network, "bfloat16", freeze_norms=True))
        network.save(tmp_path / f"{name}.keras")
        np.save(tmp_path / f"{name}.npy", named_outputs(network)(photographs())["predictions"])
    code = """
import sys
sys.modules["rockspace"] = sys.modules["keras_hub"] = None
import keras, numpy as np
from pathlib import Path
images = np.random.default_rng(1).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
for path in sorted(Path().glob("*.keras")):
    found = keras.saving.load_model(path, safe_mode=True)(images)
    np.testing.assert_allclose(found, np.load(path.with_suffix(".npy")), atol=1e-5, err_msg=path.name)
    print(path.stem)
"""
    result = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.split() == sorted(fetched)


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_of_each_family_are_known_without_its_weights(family, tmp_path):
    network = backbone(family)
    network.save_to_preset(tmp_path / "preset")
    (tmp_path / "preset" / "model.weights.h5").unlink()
    tower = tower_of(network, family).architecture
    names = names_of(vision_transformer(tower, 2 * tower.patch, MODES["none"], "network"))
    assert hub.layers(f"keras_hub:{tmp_path / 'preset'}").names == names


# --- What goes wrong, in one line each ---


def refused(backbone: str, folder: Path) -> str:
    with pytest.raises(RockspaceError) as refused:
        hub.fetch(backbone, folder / "tower")
    assert "\n" not in str(refused.value)
    assert not (folder / "tower").exists()
    return str(refused.value)


def test_a_preset_that_is_none_is_refused_with_similar_names(tmp_path):
    assert "did you mean dinov2_base" in refused("keras_hub:dinov2_bse", tmp_path)
    assert "no such folder" in refused("keras_hub:./my_preset", tmp_path)
    assert "vision transformers can be backbones" in refused("keras_hub:resnet_50_imagenet", tmp_path)


def test_a_preset_that_the_hub_does_not_have_is_refused(server, tmp_path):
    for name in ("dinov2_small", "kaggle://keras/dinov2/keras/none/1"):
        assert f"keras_hub:{name}: the preset cannot be loaded: its hub has no public preset" in refused(
            f"keras_hub:{name}", tmp_path
        )


def test_without_a_connection_the_hub_is_named_and_a_way_out(tmp_path, monkeypatch):
    for name, value in standin_hub.environment(1, tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    message = refused(DINO, tmp_path)
    assert "cannot be reached" in message
    assert "keras_hub:path/to/folder" in message
    assert hub.layers(DINO) is None


def test_every_file_of_a_presets_folder_decides_whether_it_is_read_again(tmp_path):
    names = {"config.json", "model.weights.h5", "model.safetensors"}  # of KerasHub, and as on Hugging Face
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "assets").mkdir()
    assert files_of_preset(f"keras_hub:{tmp_path}") == {name: tmp_path / name for name in names}
    assert files_of_preset(DINO) is None


@pytest.mark.parametrize("fault", ["damaged", "truncated"])
def test_a_file_that_arrives_damaged_is_refused(server, tmp_path, fault):
    getattr(server, fault).add("dinov2_base/model.weights.h5")
    message = refused(DINO, tmp_path)
    assert "keras_hub:dinov2_base" in message


def test_images_that_patches_do_not_fill_are_refused(fetched):
    with pytest.raises(RockspaceError, match=r"100 is no multiple of 8.*the nearest is 96"):
        built(fetched, DINO, image_size=100)


def test_without_kerashub_one_line_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    assert "pip install keras-hub" in refused(DINO, tmp_path)


def test_a_tower_that_computes_something_else_than_kerashub_is_refused(presets, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "load_arrays", lambda network, architecture, arrays: None)
    message = refused(f"keras_hub:{presets['vit_base_patch16_224_imagenet']}", tmp_path)
    assert "computes something else than KerasHub does" in message


def test_a_file_of_other_weights_is_refused(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(RockspaceError, match="no weights of a preset"):
        hub.build(DINO, image_size=32, weights=tmp_path / "other.weights.h5")
    (tmp_path / "cut.weights.h5").write_bytes((tmp_path / "other.weights.h5").read_bytes()[:1000])
    with pytest.raises(RockspaceError, match="damaged"):
        hub.build(DINO, image_size=32, weights=tmp_path / "cut.weights.h5")


# --- Whole studies ---

DATASET = """\
study: tiny
dataset:
  source: synthetic
  synthetic: {seed: 1, subtypes: 4, per_subtype: {train: 6, validation: 3}, image_size: 48}
tfrecords: {image_size: 32, margin: 4}
train_head: {views: 1, epochs: 2, batch_size: 8}
evaluate: {views: 2}
finetune: {epochs: 1, batch_size: 8, holdout_fraction: 0.25, from_layer: block_2}
procrustes: {permutations: 99, bootstraps: 99}
baselines: []
"""
TWO_LINES = """\
models:
  - {name: dino, backbone: "keras_hub:dinov2_base", layers: [block_1, penultimate]}
  - {name: clip, backbone: "keras_hub:clip_vit_base_patch32", objective: none}
"""


@pytest.fixture
def planning(server, tmp_path):
    """Plans a study of one model, with the names of layers of no earlier run."""

    def plan(model: str, folder: str = "planned", size: int = 32) -> subprocess.CompletedProcess:
        dataset = DATASET.replace("from_layer: block_2", "from_layer: null").replace(
            "image_size: 32", f"image_size: {size}"
        )
        return Workplace(tmp_path / folder, f"{dataset}models:\n  - {{name: mine, {model}}}\n").dry_run()

    return plan


def test_layers_are_checked_by_a_small_file_of_the_preset_before_any_job(planning, server):
    result = planning('backbone: "keras_hub:dinov2_base", layers: [block_3]')
    assert "no layer 'block_3'; similar ones: block_2, block_1" in result.stdout + result.stderr
    assert server.log == ["dinov2_base/config.json"]
    result = planning('backbone: "keras_hub:dinov2_base", layers: all-blocks', "all")
    assert result.returncode == 0, result.stdout + result.stderr
    assert server.log == ["dinov2_base/config.json"]
    result = planning('backbone: "keras_hub:dinov2_base"', "size", size=36)
    assert "a multiple of 8 x 8 pixels" in result.stdout + result.stderr
    result = planning('backbone: "keras_hub:dinov2_bsae"', "typo")
    assert "did you mean dinov2_base" in result.stdout + result.stderr


def test_without_a_connection_layers_that_are_named_are_planned_and_all_blocks_are_not(planning, tmp_path, monkeypatch):
    for name, value in standin_hub.environment(1, tmp_path / "nothing").items():
        monkeypatch.setenv(name, value)
    assert planning('backbone: "keras_hub:dinov2_base", layers: [block_3]').returncode == 0
    result = planning('backbone: "keras_hub:dinov2_base", layers: all-blocks', "all")
    assert "its hub cannot be reached; name layers" in result.stdout + result.stderr


def test_the_file_of_a_preset_is_needed_for_random_weights_too(planning):
    result = planning('backbone: "keras_hub:dinov2_base", weights: none, objective: none')
    assert result.returncode == 0, result.stdout + result.stderr
    assert "pretrained_weights" in result.stdout + result.stderr


def test_a_study_of_two_presets_of_the_hub_from_two_lines(server, tmp_path):
    study = Workplace(tmp_path / "here", DATASET + TWO_LINES)
    result = study.snakemake()
    assert result.returncode == 0, result.stdout + result.stderr
    assert {name.partition("/")[0] for name in server.log} == {"dinov2_base", "clip_vit_base_patch32"}
    results = study.folder / "results/tiny"
    summary = pd.read_csv(results / "summary.csv")
    assert set(summary.model) == {"dino", "clip"}
    assert summary.held_out_mean_r.between(-1, 1).all()
    assert (results / "overview.html").stat().st_size > 10_000
    trained = keras.saving.load_model(results / "models/dino/seed-0/finetuned.keras", safe_mode=True)
    start = hub.build(DINO, image_size=32, weights=study.folder / "results/weights/dinov2_base.weights.h5")
    for layer, learns in (("block_2_mlp_1", True), ("block_1_mlp_1", False), ("positions", False)):
        before, after = (network.get_layer(layer).get_weights()[0] for network in (start, trained))
        assert np.array_equal(before, after) != learns, layer
    # Another stage of the same study needs no hub any more.
    server.log.clear()
    again = study.dry_run("--forcerun", "infer")
    assert again.returncode == 0, again.stdout + again.stderr
    assert server.log == []
