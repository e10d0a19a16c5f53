"""Shared pieces of the tests: a small drawn study, made once."""

import fcntl
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from browser import chromium, visit  # noqa: F401 (fixtures)
from workflow_runs import Workplace, cannot_confine

# A slow machine is no fault of what is tested.
settings.register_profile("rockspace", deadline=None)
settings.load_profile("rockspace")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TQDM_DISABLE", "1")
# KerasHub's downloader asks this machine, where nothing answers; tests/standin_hub.py does where a test needs it.
os.environ["KAGGLE_API_ENVIRONMENT"] = "LOCALHOST"
# Tests that run `make` see the same whether or not `make test` runs them.
for name in ("CONFIG", "CORES", "NAME", "FOLDER", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
    os.environ.pop(name, None)


# The files that take longest, the longest first, so that no worker is left with one of them in the end.
LONGEST = (
    "workflow",
    "backbones",
    "staleness",
    "search",
    "docs",
    "training_copy",
    "resume",
    "chaos",
    "human_choices",
    "training",
)


@pytest.fixture(scope="session", autouse=True)
def _caches(tmp_path_factory):
    """What earlier runs remembered in the home folder, of networks and fonts, is no matter of this one; its workers share."""
    root = tmp_path_factory.getbasetemp()
    os.environ["XDG_CACHE_HOME"] = str((root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "caches")


@pytest.fixture(autouse=True)
def _environment():
    """What a test, or a stage that it runs in this process, changes in the environment is no matter of the next."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def pytest_itemcollected(item):
    """The tests of a file stay together, on one worker, unless they say otherwise: they share what they have made."""
    if item.get_closest_marker("xdist_group") is None:
        item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_collection_modifyitems(items):
    """Order the tests by `LONGEST`; their groups are taken when they are collected, before this."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        order = {f"test_{name}": place for place, name in enumerate(LONGEST)}
        items.sort(key=lambda item: order.get(item.path.stem, len(order)))


def pytest_collection_finish(session):
    """Refuse a pytest with which pytest-xdist cannot group tests (3.8 with pytest 9.2): each worker would do everything."""
    if "PYTEST_XDIST_WORKER" in os.environ and session.config.getoption("loadgroup", default=False):
        assert all("@" in item.nodeid for item in session.items), (
            "pytest-xdist does not group tests; see pyproject.toml"
        )


@pytest.fixture(scope="session")
def geometry():
    from rockspace.data.tfrecords import Geometry

    return Geometry(image_size=32, margin=8, fit="pad", background=(255, 255, 255))


@pytest.fixture(scope="session")
def study(tmp_path_factory, geometry) -> Path:
    """A folder with ``catalog.csv``, ``images/`` and TFRecords of three labels x (8 + 3) small coloured squares."""
    import pandas as pd
    from PIL import Image

    from rockspace.data.tfrecords import write_shard

    root, rng, rows = tmp_path_factory.mktemp("study"), np.random.default_rng(0), []
    for split, count in (("train", 8), ("validation", 3)):
        for label in range(3):
            for i in range(count):
                name = f"L{label}_{split}_{i}"
                path = Path("images") / split / f"L{label}" / f"{name}.png"
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                pixels = rng.integers(0, 80, (40, 40, 3)) + np.eye(3)[label] * 150
                Image.fromarray(pixels.astype(np.uint8)).save(root / path)
                rows.append((name, split, f"L{label}", "A", str(path)))
    catalog = pd.DataFrame(rows, columns=["image_id", "split", "label", "superclass", "path"])
    catalog.to_csv(root / "catalog.csv", index=False)
    coordinates = pd.DataFrame(rng.normal(size=(len(catalog), 2)), index=catalog["image_id"], columns=["x", "y"])
    coordinates.to_csv(root / "coordinates.csv")
    for split, shards in (("train", 2), ("validation", 1)):
        for shard in range(shards):
            path = root / f"{split}-{shard:05d}-of-{shards:05d}.tfrecord"
            write_shard(path, catalog, root, geometry, split=split, shard=shard, shards=shards)
    return root


def opened(study: Path, pattern: str, geometry):
    """Stored images with their labels and coordinates."""
    from rockspace.data.catalog import read_catalog
    from rockspace.people.coordinates import read_coordinates_tables
    from rockspace.training.pipeline import ImageSet

    known = read_catalog(study / "catalog.csv"), read_coordinates_tables([study / "coordinates.csv"])
    return ImageSet.open(sorted(study.glob(pattern)), geometry, *known)


@pytest.fixture
def train_set(study, geometry):
    return opened(study, "train-*.tfrecord", geometry)


@pytest.fixture
def validation_set(study, geometry):
    return opened(study, "validation-*.tfrecord", geometry)


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory) -> Workplace:
    """A tiny study that ran to its end, where it could write to its results alone; one for all workers, never changed."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    said = root / "finished.txt"
    with open(root / "finished.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        workplace = Workplace(root / "finished")
        # At which NumPy would stop, though nothing that is written depends on it.
        workplace.environment["SOURCE_DATE_EPOCH"] = "no date"
        if not said.exists():
            result = workplace.snakemake(confined=cannot_confine() is None)
            assert result.returncode == 0, result.stdout + result.stderr
            said.write_text(result.stderr)
    return workplace


@pytest.fixture(scope="module")
def finished(finished_once, tmp_path_factory) -> Workplace:
    """A copy of the study that has run to its end, for the tests of one file to change."""
    return finished_once.copy(tmp_path_factory.mktemp("copy") / "finished")


@pytest.fixture(scope="session")
def said_at_the_end(finished_once) -> str:
    """What the terminal showed when the study had run to its end, below the line of its last job."""
    return finished_once.folder.with_suffix(".txt").read_text().partition("\n\n")[2]
