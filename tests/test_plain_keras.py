"""A saved network is Keras' own: it loads in a process that cannot import anything of this project."""

import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from networks import backbone, textures
from rockspace.networks.classifier import attach_head, build_head, named_outputs, pooled_backbone
from rockspace.networks.objectives import JOINT, Objective
from rockspace.networks.training_copy import trained, training_copy
from test_training import defaults

HEADS = {
    "linear": {"units": [], "logits": "linear"},
    "dense": {"units": [8, 4], "logits": "linear"},
    "cosine": {"units": [], "logits": "cosine"},
    "fixed-cosine": {"units": [4], "logits": "cosine", "cosine_scale": 5.0},
}
POOLINGS = ("mean", "mean_std", "foreground")
# Channels swapped and a bias before batch norm; squeeze-and-excitation; batch norm after sums.
BACKBONES = {
    "resnet50": "conv2_block1_out",
    "mobilenet_v3_small": "expanded_conv_2_add",
    "densenet121": "conv2_block2_concat",
}
BOTH = Objective(JOINT, 1.0, np.zeros(2, "f4"), np.ones(2, "f4"))

LOADING = """
import sys
sys.modules["rockspace"] = None
import keras, numpy as np
with np.load("expected.npz") as expected:
    images = expected["images"]
    for name in expected.files:
        if name != "images":
            network = keras.saving.load_model(name + ".keras")
            np.testing.assert_allclose(network(images)["predictions"], expected[name], atol=1e-6, err_msg=name)
            print(name)
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """Classifiers as fine-tuning leaves them, and what they say of two pictures."""
    import keras

    folder, expected = tmp_path_factory.mktemp("saved"), {"images": textures()}
    kinds = [("resnet50", pooling, head) for pooling, head in product(POOLINGS, HEADS)]
    for name, pooling, head in [*kinds, *((name, "foreground", "linear") for name in BACKBONES)]:
        # As in a process of its own, where Keras begins to number the names of operations.
        keras.utils.clear_session()
        # Built anew: operations of one that another test has built may have the names of those that follow.
        whole = backbone.__wrapped__(name)
        base = keras.Model(whole.input, whole.get_layer(BACKBONES[name]).output)
        layers = [base.layers[-1].name, base.layers[len(base.layers) // 2].name]
        n_features = 0
        for layer in layers:
            n_features += base.get_layer(layer).output.shape[-1] * (1 if pooling == "mean" else 2)
        part = build_head(n_features, 3, defaults("head") | HEADS[head], 0, BOTH)
        network = attach_head(pooled_backbone(base, layers, pooling), part)
        network = trained(network, training_copy(network, "bfloat16", freeze_norms=True))
        network.save(folder / f"{name}-{pooling}-{head}.keras")
        expected[f"{name}-{pooling}-{head}"] = np.asarray(named_outputs(network)(textures())["predictions"])
    np.savez(folder / "expected.npz", **expected)
    return folder


def test_every_kind_of_network_loads_in_plain_keras_and_says_the_same(saved):
    result = subprocess.run([sys.executable, "-I", "-c", LOADING], cwd=saved, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    assert len(result.stdout.split()) == len(list(saved.glob("*.keras")))


EMBEDDING = """
import sys
import keras, numpy as np
from rockspace.inference.prediction import one_pass_model
from rockspace.networks.precision import fast_inference
images = np.load("expected.npz")["images"]
for path in sys.argv[1:]:
    for pooling, precision, tolerance in ("mean", "float32", 1e-3), ("mean_std", "bfloat16", 0.2):
        keras.utils.clear_session()
        network = keras.saving.load_model(path)
        layer = next(layer.name for layer in network.layers if layer.name.endswith(("conv", "add")))
        one_pass = one_pass_model(network, [layer, "penultimate"], pooling)
        plain = one_pass(images)
        fast = fast_inference(one_pass, precision)
        found = fast(images)
        assert plain.keys() == found.keys() and f"layer/{layer}" in found
        for name, values in plain.items():
            assert found[name].dtype == "float32"
            scale = np.abs(values).max()
            assert np.abs(found[name] - values).max() <= tolerance * scale, (path, name)
    print(path)
"""


def test_every_kind_of_network_is_embedded_by_another_process_than_made_it(saved):
    paths = sorted(path.name for path in saved.glob("*.keras"))
    command = [sys.executable, "-c", EMBEDDING, *paths]
    result = subprocess.run(command, cwd=saved, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.split() == paths
