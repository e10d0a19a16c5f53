"""Fetching published weights from a server on loopback, with each way it can fail."""

import hashlib
import http.server
import json
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from urllib3.util import Retry

from networks import textures
from rockspace.data.web import Patience
from rockspace.errors import RockspaceError
from rockspace.networks import lite, weights
from rockspace.networks.backbones import BACKBONES, build

FAST = Patience(retries=Retry(total=2, backoff_factor=0.01), read_s=0.5, connect_s=1)
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
    def do_GET(self):
        fault = self.server.faults.pop(0) if self.server.faults else None
        self.answer(200) if fault is None else fault(self)

    def answer(self, status, share=1.0, body=None):
        while self.server.silent:
            time.sleep(0.05)
        body = self.server.body if body is None else body
        self.server.asked.append((self.command, self.path))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
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
    network.save(path)
    return network, path.read_bytes()


@pytest.fixture
def server(published, tmp_path, monkeypatch):
    _, body = published
    server = Server(body)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    table = tmp_path / "published.json"
    table.write_text(json.dumps({BACKBONE: {"url": server.url + PUBLISHED_NAME, "md5": digest}}))
    monkeypatch.setattr(weights, "PUBLISHED", table)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("NO_PROXY", "*")
    yield server
    server.silent = False
    server.shutdown()
    server.server_close()


def fetch(tmp_path):
    destination = tmp_path / "weights" / f"{BACKBONE}.weights.h5"
    weights.fetch(BACKBONE, destination, patience=FAST)
    return destination


def left_behind(tmp_path):
    return [path.name for path in (tmp_path / "weights").rglob("*")] if (tmp_path / "weights").exists() else []


def test_what_keras_publishes_becomes_a_file_that_a_backbone_loads(server, published, tmp_path):
    network = build(BACKBONE, image_size=64, weights=fetch(tmp_path))
    expected = published[0].get_layer("conv").get_weights()[0]
    np.testing.assert_array_equal(network.get_layer("conv").get_weights()[0], expected)
    assert sum(np.size(w) for w in network.get_weights()) == sum(np.size(w) for w in published[0].get_weights())
    assert server.asked == [("GET", f"/{PUBLISHED_NAME}")]


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_keras_has_in_its_cache_is_used_if_it_is_whole(is_whole, server, published, tmp_path):
    cached = tmp_path / "keras/models" / PUBLISHED_NAME
    cached.parent.mkdir(parents=True)
    cached.write_bytes(published[1] if is_whole else published[1][:-1])
    fetch(tmp_path)
    assert server.asked == ([] if is_whole else [("GET", f"/{PUBLISHED_NAME}")])


def test_a_file_in_the_cache_that_holds_no_weights_is_named(server, tmp_path):
    weights.PUBLISHED.write_text(json.dumps({BACKBONE: {"url": server.url + PUBLISHED_NAME}}))
    cached = tmp_path / "keras/models" / PUBLISHED_NAME
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"no weights")
    with pytest.raises(RockspaceError, match=f"^{cached}: no weights of {BACKBONE}") as told:
        fetch(tmp_path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("fault", [cut_short, wrong_content, overloaded])
def test_a_fault_that_passes_is_outlived(fault, server, tmp_path):
    server.faults = [fault]
    assert fetch(tmp_path).is_file()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (cut_short, "the connection was cut"),
        (wrong_content, "its md5 is"),
        (missing, "404"),
        (overloaded, "503"),
    ],
)
def test_a_fault_that_stays_is_told_in_one_line_with_what_to_do(fault, reason, server, tmp_path):
    server.faults = [fault] * 3
    with pytest.raises(RockspaceError) as told:
        fetch(tmp_path)
    message = str(told.value)
    assert "\n" not in message
    for part in (reason, server.url + PUBLISHED_NAME, f"keras/models/{PUBLISHED_NAME}", "config/demo.yaml"):
        assert part in message
    assert left_behind(tmp_path) == []


def test_a_server_that_is_not_there_is_told_at_once(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(RockspaceError, match=r"mobilenet_v3_small.*cannot be reached .*refused"):
        fetch(tmp_path)
    assert left_behind(tmp_path) == []


def test_a_server_that_never_answers_is_given_up(server, tmp_path):
    server.silent = True
    with pytest.raises(RockspaceError, match=r"no answer within 0\.5 s"):
        fetch(tmp_path)


def test_limits_together_stay_under_a_minute():
    addresses = 12  # of a large host
    assert weights.PATIENCE.contact_s < addresses * weights.PATIENCE.connect_s < 60


def test_every_backbone_has_weights():
    published = json.loads(weights.PUBLISHED.read_text())
    assert set(published) == {name for name in BACKBONES if name.removeprefix("efficientnet_") not in lite.SCALING}
    for name, file in published.items():
        assert file.pop("url").startswith("https://storage.googleapis.com/"), name
        digits = {kind: len(digest) for kind, digest in file.items()}
        # Of one of them Keras itself knows no checksum.
        assert digits in ({"md5": 32}, {"sha256": 64}) or name == "mobilenet_v2"


@pytest.mark.parametrize("backbone", ["mobilenet_v3_small", "resnet50", "efficientnet_b0", "vgg16"])
def test_addresses_are_those_that_keras_itself_asks(backbone, tmp_path, monkeypatch):
    # Where nothing answers, Keras says what it asked for.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    url = json.loads(weights.PUBLISHED.read_text())[backbone]["url"]
    with pytest.raises(Exception, match=f"^URL fetch failure on {url}: "):
        BACKBONES[backbone].build(input_shape=(224, 224, 3), weights="imagenet")


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
