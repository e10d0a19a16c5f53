"""Training that is killed goes on where it was, and ends as if nothing had happened: the same to the last digit."""

import logging
import multiprocessing
import os
import signal
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import rockspace.training.checkpoint as checkpointing
from killable_training import HALF_SAVED, finetune, run, send, when
from rockspace.errors import RockspaceError
from rockspace.networks.classifier import attach_head, build_head, pooled_backbone
from rockspace.networks.device import repeatable
from rockspace.networks.objectives import Objective
from rockspace.training.fingerprint import fingerprint
from test_training import a_head, backbone, defaults, drawn_features


class Killed(Exception):
    """Stands in for a kill where one process is enough."""


def die() -> None:
    raise Killed


@pytest.fixture(scope="module")
def starts(tmp_path_factory) -> list[Path]:
    """Two classifiers to start from, as the first phase leaves them; one layer draws a seed of its own."""
    folder = tmp_path_factory.mktemp("starts")
    for seed in range(2):
        repeatable(seed)
        base = backbone()
        noisy = keras.Model(base.input, keras.layers.SpatialDropout2D(0.2, name="unseeded")(base.output))
        attach_head(pooled_backbone(noisy), build_head(8, 3, defaults("head", units=[16, 8], dropout=0.2), seed)).save(
            folder / f"{seed}.keras"
        )
    return [folder / f"{seed}.keras" for seed in range(2)]


def training(**changes: object) -> dict:
    watched = {"monitor": "loss", "patience": 5, "min_delta": 0}
    recipe = {"epochs": 5, "batch_size": 8, "learning_rate": 0.01, "early_stopping": watched, "holdout_fraction": 0.25}
    return defaults("finetune", **(recipe | changes))


RECIPES = {
    "a falling rate, batch norm trained": {
        "optimizer": "sgd",
        "batch_norm": "train",
        "clipnorm": None,
        "reduce_lr": {"factor": 0.5, "patience": 1, "min_lr": 0.0},
    },
    "an average of the weights, a rate for each step": {
        "ema": 0.9,
        "schedule": "cosine",
        "warmup_epochs": 2,
        "optimizer": "adamw",
        "weight_decay": 0.1,
    },
    "stopped early, in bfloat16, and ended in the refit": {
        "early_stopping": {"monitor": "loss", "patience": 1, "min_delta": 0.3},
    },
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_network_whose_training_is_ended_by_signals_becomes_the_same_to_the_last_digit(
    train_set, starts, tmp_path, monkeypatch, name
):
    """After the first of three steps of an epoch, while the watched images are scored, and after the fifth step from there."""
    precision = "bfloat16" if "bfloat16" in name else "float32"
    expected, history = finetune(starts, train_set, training(**RECIPES[name]), precision=precision)
    for moment, where in (
        (("step", 1), "step 1 of epoch 1"),
        (("validation step", 1), "step 3"),
        (("step", 5), "step"),
    ):
        with monkeypatch.context() as ending:
            when(*moment, lambda: send(signal.SIGTERM), ending.setattr)
            with pytest.raises(
                RockspaceError, match=f"^training was ended by SIGTERM after {where}.*: run again to go on$"
            ):
                finetune(starts, train_set, training(**RECIPES[name]), tmp_path, precision)
    assert (tmp_path / "refit").exists() == ("refit" in name)
    network, again = finetune(starts, train_set, training(**RECIPES[name]), tmp_path, precision)
    assert again.equals(history)
    for a, b in zip(network.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# What a process of its own gets, when, and its exit status.
MOMENTS = [
    (("step", 5, signal.SIGKILL), -signal.SIGKILL),
    ((HALF_SAVED, 2, signal.SIGKILL), -signal.SIGKILL),
    (("epoch begins", 1, signal.SIGKILL), -signal.SIGKILL),
    (("step", 1, signal.SIGTERM, signal.SIGTERM), 1),
    (("validation step", 1, signal.SIGINT), 1),
    ((HALF_SAVED, 1, signal.SIGTERM), 1),
    (("phase begins", 2, signal.SIGTERM), -signal.SIGTERM),
    (("step", 3, signal.SIGUSR1, signal.SIGTERM), 1),
]


def test_a_process_that_the_system_kills_at_any_moment_goes_on_to_the_same_files(study, starts, tmp_path, monkeypatch):
    """In the middle of an epoch, of a checkpoint, of a validation, between two epochs, between both steps of the phase."""
    library, tests = Path(checkpointing.__file__).parents[2], Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (library, tests))))
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["killable_training"])
    shards = sorted(study.glob("train-*.tfrecord"))

    def train(name: str, moment: tuple | None) -> int:
        (tmp_path / name).mkdir(exist_ok=True)
        process = processes.Process(target=run, args=(tmp_path / name, starts, shards, training(), moment))
        process.start()
        process.join(1200)
        return process.exitcode

    assert train("undisturbed", None) == 0
    for moment, status in MOMENTS:
        assert train("killed", moment) == status, moment
    assert list((tmp_path / "killed/checkpoints").glob("*/epoch-*.npz"))
    assert train("killed", None) == 0
    for name in ("history.csv", "network.keras"):
        assert (tmp_path / "undisturbed" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()
    assert len(pd.read_csv(tmp_path / "killed/history.csv")) > 5
    assert not list((tmp_path / "killed").rglob(".partial-*"))


def head(checkpoints: Path | None = None, *, dropout: float = 0.3, **changes: object):
    features = drawn_features(24)
    options = {"epochs": 8, "learning_rate": 0.01, "batch_size": 8, "checkpoints": checkpoints}
    return a_head(features, features, head={"units": [8, 4], "dropout": dropout}, **(options | changes))


@pytest.fixture
def interrupted_head(tmp_path, monkeypatch) -> Path:
    """Checkpoints of a head that was killed in its sixth epoch."""
    monkeypatch.setattr(checkpointing, "SHARE_OF_TIME", np.inf)
    with monkeypatch.context() as killing:
        when("step", 3 * 5 + 2, die, killing.setattr)
        with pytest.raises(Killed):
            head(tmp_path / "checkpoints")
    assert [path.name for path in sorted((tmp_path / "checkpoints").iterdir())] == [
        "epoch-00004-step-0000000.npz",
        "epoch-00005-step-0000000.npz",
    ]
    return tmp_path / "checkpoints"


def assert_same_head(first, second) -> None:
    assert first[1].equals(second[1])
    assert all(np.array_equal(a, b) for a, b in zip(first[0].get_weights(), second[0].get_weights(), strict=True))


def test_a_head_goes_on_after_the_last_whole_epoch_and_ends_the_same_to_the_last_digit(interrupted_head, caplog):
    with caplog.at_level(logging.INFO, "rockspace"):
        finished = head(interrupted_head)
    assert "going on after epoch 5" in caplog.text
    assert_same_head(finished, head())


@pytest.mark.parametrize("kind", ["classification", "joint"])
def test_a_head_that_is_ended_after_every_single_step_ends_the_same_to_the_last_digit(tmp_path, monkeypatch, kind):
    """Two epochs of three steps; the time for a checkpoint comes as often as the signal to end, of which one is enough."""
    objective = Objective.of({"objective": kind}, drawn_features(24).coordinates)
    options = {"epochs": 2, "objective": objective, "schedule": "cosine"}
    runs = []
    for moment in ("step", "validation step") * 2:
        for _ in range(3 if moment == "step" else 1):
            with monkeypatch.context() as ending:
                when(moment, 1, lambda: send(signal.SIGTERM), ending.setattr)
                with pytest.raises(RockspaceError, match="ended by SIGTERM") as error:
                    head(tmp_path, **options)
            runs.append(str(error.value).split(" after ")[1].split(":")[0])
    steps = [1, 2, 3, 3]
    assert runs == [f"step {step} of epoch {epoch}" for epoch in (1, 2) for step in steps]
    assert_same_head(head(tmp_path, **options), head(**options))
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_inside_an_epoch_a_checkpoint_is_written_whenever_its_time_has_come(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(checkpointing, "SHARE_OF_TIME", np.inf)
    monkeypatch.setattr(checkpointing, "INTERVAL_S", 0)
    with monkeypatch.context() as killing:
        when("step", 3 * 4 + 3, die, killing.setattr)
        with pytest.raises(Killed):
            head(tmp_path)
    with caplog.at_level(logging.INFO, "rockspace"):
        finished = head(tmp_path)
    assert "going on after step 2 of epoch 5" in caplog.text
    assert_same_head(finished, head())


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "folder", "pipe", "link", "notes"])
def test_a_damaged_checkpoint_is_noticed_and_the_one_before_it_is_used(interrupted_head, caplog, damage):
    path = interrupted_head / "epoch-00005-step-0000000.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    match damage:
        case "folder":
            (path / "folder").mkdir(parents=True)
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to("nowhere")
        case "notes":  # of something else
            np.savez(path, notes=np.frombuffer(b"[]", np.uint8))
        case _:
            path.write_bytes({"cut": content[: len(content) // 2], "flipped": content, "empty": b""}[damage])
    with caplog.at_level(logging.INFO, "rockspace"):
        finished = head(interrupted_head)
    assert f"{path} is damaged" in caplog.text
    assert "going on after epoch 4" in caplog.text
    assert_same_head(finished, head())


def test_without_one_whole_checkpoint_the_training_starts_from_the_beginning(interrupted_head, caplog):
    for path in interrupted_head.iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    with caplog.at_level(logging.INFO, "rockspace"):
        finished = head(interrupted_head)
    assert caplog.text.count("is damaged") == 2
    assert "going on" not in caplog.text
    assert_same_head(finished, head())


def test_every_flipped_byte_is_noticed_or_changes_nothing(interrupted_head):
    path = interrupted_head / "epoch-00005-step-0000000.npz"
    whole, content = checkpointing._read(path), path.read_bytes()
    noticed = 0
    for position in np.random.default_rng(0).integers(0, len(content), 300):
        damaged = bytearray(content)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        try:
            read = checkpointing._read(path)
        except Exception:
            noticed += 1
            continue
        np.testing.assert_equal(read.notes, whole.notes)
        assert all(np.array_equal(read.arrays[name], array) for name, array in whole.arrays.items())
    assert noticed > 200


@pytest.mark.parametrize("change", [{"dropout": 0.2}, {"seed": 1}, {"epochs": 9}], ids=str)
def test_a_checkpoint_of_another_recipe_is_never_continued(interrupted_head, caplog, change):
    with caplog.at_level(logging.INFO, "rockspace"):
        finished = head(interrupted_head, **change)
    assert "starting from the beginning" in caplog.text
    assert_same_head(finished, head(**change))


def test_a_training_that_is_complete_is_not_repeated(tmp_path, monkeypatch):
    finished = head(tmp_path / "checkpoints")
    when("step", 1, die, monkeypatch.setattr)
    assert_same_head(head(tmp_path / "checkpoints"), finished)


def test_where_no_checkpoint_can_be_written_training_goes_on_and_says_so(tmp_path, caplog):
    (tmp_path / "a file").write_text("")
    finished = head(tmp_path / "a file" / "checkpoints")
    assert "no checkpoint after epoch 1" in caplog.text
    assert_same_head(finished, head())


def test_a_checkpoint_holds_plain_arrays_and_text_alone(interrupted_head):
    with zipfile.ZipFile(interrupted_head / "epoch-00005-step-0000000.npz") as archive:
        assert all(name.endswith(".npy") for name in archive.namelist())
    with np.load(interrupted_head / "epoch-00005-step-0000000.npz", allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)


def test_a_fingerprint_tells_contents_apart_and_not_names(tmp_path, train_set):
    for name, content in {"a": "x", "b": "x", "c": "y"}.items():
        (tmp_path / name).write_text(content)
    of_files = [fingerprint(tmp_path / name) for name in "abc"]
    assert of_files[0] == of_files[1] != of_files[2]
    assert fingerprint(train_set) != fingerprint(train_set.subset(np.arange(24) > 0))
    assert fingerprint([1, 2], [3]) != fingerprint([1], [2, 3])
    assert fingerprint(np.zeros(2)) != fingerprint(np.zeros(2, np.float32))
    with pytest.raises(TypeError, match="no fingerprint of a function"):
        fingerprint(head)
