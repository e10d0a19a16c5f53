"""A folder of one's own: looked through, described, and ready to run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from dry_runs import dry_run
from rockspace.config import laid_over, validated
from rockspace.data.images import SUFFIXES
from rockspace.data.restructuring import build_catalog
from rockspace.errors import RockspaceError
from rockspace.new_study import main, new_study
from rockspace.people.proposal import propose_dataset, with_proposed_dataset
from rockspace.people.reading import people_coordinates
from workflow_runs import ROOT

FLAT = [f"{label}_{i:02d}.png" for label in ("cat", "dog", "owl") for i in range(4)]


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "mine"


def fill(folder: Path, images: list[str], **tables: list[str] | int) -> Path:
    """Images, and tables of coordinates: for the images that a list names, or of so many bare rows."""
    for name in images:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(folder / name, format="png")
    for name, rows in tables.items():
        count = rows if isinstance(rows, int) else len(rows)
        values = pd.DataFrame(np.random.default_rng(0).normal(size=(count, 2)), columns=["hue", "size"])
        if isinstance(rows, int):
            values.to_csv(folder / f"{name}.txt", sep=" ", header=False, index=False)
        else:
            values.set_axis(rows).to_csv(folder / f"{name}.csv", index_label="image")
    return folder


def described(folder: Path) -> tuple[dict, pd.DataFrame]:
    """The proposal, and the catalog that comes of it."""
    dataset = propose_dataset(folder)
    return dataset, build_catalog(folder, dataset)


@pytest.mark.parametrize("tables", [{"coordinates": FLAT}, {"coordinates": 12}], ids=["named", "bare"])
def test_one_set_of_images_is_divided(folder, tables):
    (fill(folder, FLAT, **tables) / "README.txt").write_text("Photographs of pets.\n")
    dataset, catalog = described(folder)
    assert dataset["splits"]["train"]["images"] == "*.png"
    assert dataset["splits"]["validation"] == {"fraction": 0.25, "seed": 0}
    assert catalog["label"].value_counts().to_dict() == {"cat": 4, "dog": 4, "owl": 4}
    assert (catalog["split"] == "validation").sum() == 3


def test_labels_come_from_folders_where_images_lie_in_some(folder):
    names = [f"photos/{label}/IMG-{10 * n + i}.JPG" for n, label in enumerate(("cat", "dog")) for i in range(4)]
    _, catalog = described(fill(folder, names, coordinates=names))
    assert catalog["label"].value_counts().to_dict() == {"cat": 4, "dog": 4}


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_images_of_every_format_that_is_read_are_found(folder, suffix):
    names = [name.replace(".png", suffix) for name in FLAT]
    dataset, catalog = described(fill(folder, names, coordinates=[name.removesuffix(suffix) for name in names]))
    assert dataset["splits"]["train"]["images"] == f"*{suffix}"
    assert sorted(catalog["file"]) == names


def test_folders_called_training_and_validation_are_the_splits(folder):
    names = [f"{'val' if name.endswith('3.png') else 'train'}/{name}" for name in FLAT]
    dataset, catalog = described(fill(folder, names, coordinates=names))
    assert dataset["splits"]["validation"]["images"] == "val/*.png"
    assert catalog["split"].value_counts().to_dict() == {"train": 9, "validation": 3}
    assert set(catalog["label"]) == {"cat", "dog", "owl"}


def test_two_sets_with_a_table_each_are_the_splits_and_the_larger_one_trains(folder):
    names = [f"{'B' if i % 4 else 'A'}/X_{name}" for i, name in enumerate(FLAT)]
    dataset, catalog = described(fill(folder, names, few=3, many=9))
    assert dataset["splits"] == {
        "train": {"images": "B/*.png", "coordinates": "many.txt"},
        "validation": {"images": "A/*.png", "coordinates": "few.txt"},
    }
    assert set(catalog["superclass"]) == {"X"}


def test_the_published_archive_would_be_found_as_it_is_configured(folder):
    rocks = yaml.safe_load((ROOT / "config/config.yaml").read_text())["dataset"]
    names = [f"360 Rocks/I_{rock}_{i:02d}.jpg" for rock in ("Andesite", "Rock Salt") for i in range(12)]
    names += [f"120 Rocks/I_{rock}_{i}_120.jpg" for rock in ("Andesite", "Rock Salt") for i in range(4)]
    assert propose_dataset(fill(folder, names, mds_360=24, mds_120=8))["splits"] == rocks["splits"]


@pytest.mark.parametrize(
    ("images", "tables", "expected"),
    [
        ([], {}, "not a folder"),
        (FLAT, {}, "no file of coordinates"),
        (FLAT, {"a": 11}, "a.txt: 11 rows without names for 12 images"),
        (FLAT, {"a": [*FLAT[:-1], "ghost.png"]}, "row 13: image 'ghost.png' has a row but no file"),
        (
            [f"{'val' if i % 4 else 'train'}/{name}" for i, name in enumerate(FLAT)],
            {"a": 12},
            "without a name may be 'val/",
        ),
    ],
)
def test_a_folder_that_cannot_be_understood_says_why(folder, images, tables, expected):
    with pytest.raises(RockspaceError) as error:
        propose_dataset(fill(folder, images, **tables))
    assert expected in str(error.value)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_table_with_a_fault_is_named_with_it(folder):
    (fill(folder, FLAT) / "mds.csv").write_text(
        "image,hue\n" + "".join(f"{name},{0.1 if i else 'nan'}\n" for i, name in enumerate(FLAT))
    )
    with pytest.raises(RockspaceError, match=r"mds.csv: row 2: found 'nan'"):
        propose_dataset(folder)


@pytest.mark.parametrize("given", [True, False], ids=["folder", "placeholders"])
def test_the_config_that_is_written_is_valid_and_says_what_was_found(folder, monkeypatch, given, tmp_path, capsys):
    fill(folder, FLAT, coordinates=FLAT)
    (tmp_path / "config").mkdir()
    default = (ROOT / "config/config.yaml").read_text()
    (tmp_path / "config/config.yaml").write_text(default)
    monkeypatch.chdir(tmp_path)
    main(["pets", *(["mine"] if given else [])])
    written = yaml.safe_load((tmp_path / "config/pets.yaml").read_text())
    config = validated(laid_over(yaml.safe_load(default), written))
    assert config["study"] == "pets"
    assert config["dataset"]["directory"] == ("mine" if given else "path/to/folder")
    assert config["dataset"]["splits"]["validation"] == {"fraction": 0.25, "seed": 0}
    said = capsys.readouterr().out
    assert ("12 images: 9 train, 3 validation." in said) == given
    assert ("coordinates.csv: column 'image' names the images, 12 images\ndimensions: hue, size\n" in said) == given
    assert "make study CONFIG=config/pets.yaml" in said
    with pytest.raises(RockspaceError, match=r"config/pets.yaml exists"):
        main(["pets"])


@pytest.mark.parametrize("name", ["../pets", "a/b", "a: b", "{", "- a", "a #b", "a" * 300])
def test_a_name_that_is_no_folders_name_is_refused(monkeypatch, name):
    monkeypatch.chdir(ROOT)
    for call in (lambda: new_study(name, None), lambda: main(["--", name])):
        with pytest.raises(RockspaceError, match="study: found"):
            call()


@pytest.mark.parametrize("name", ["007", "1e3", "null", "true"])
def test_a_name_that_yaml_reads_as_something_else_stays_a_name(monkeypatch, name):
    monkeypatch.chdir(ROOT)
    assert yaml.safe_load(new_study(name, None))["study"] == name


@pytest.mark.parametrize(
    "default", [None, b"", b"study: [", b"study: \xff"], ids=["none", "empty", "broken", "Latin-1"]
)
def test_a_default_configuration_that_cannot_be_read_is_one_line(tmp_path, monkeypatch, default):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    if default is not None:
        (tmp_path / "config/config.yaml").write_bytes(default)
    with pytest.raises(RockspaceError, match=r"^config/config\.yaml: "):
        main(["pets"])
    assert not (tmp_path / "config/pets.yaml").exists()


def test_the_command_needs_no_docstrings():
    command = [sys.executable, "-OO", "-P", "-m", "rockspace.new_study", "--help"]
    assert subprocess.run(command, capture_output=True).returncode == 0


def proposed(given: dict) -> dict:
    """The dataset of a study whose config file holds this one section, as Snakemake lays it over the default."""
    default = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    config = with_proposed_dataset(laid_over(default, {"study": "a", "dataset": given}), ROOT / "config/config.yaml")
    models = [{"name": "a", "backbone": "resnet50", "objective": "none"}]
    return validated(config | {"models": models})["dataset"]


def with_columns(folder: Path) -> Path:
    """Pets in a table with a column of kinds, one of splits, and five of numbers; and another table."""
    fill(folder, FLAT)
    values = pd.DataFrame(np.random.default_rng(0).normal(size=(12, 5)), FLAT, list("abcde"))
    values.assign(kind=["x", "y"] * 6, split=["train", "train", "test"] * 4).to_csv(
        folder / "mds.csv", index_label="pet"
    )
    (-values).to_csv(folder / "norms.csv", index_label="pet")
    return folder


def test_what_is_given_beside_a_folder_stands(folder):
    with pytest.raises(RockspaceError, match=r"mds.csv, norms.csv each give all images coordinates"):
        proposed({"folder": str(with_columns(folder))})
    splits = {"train": {"coordinates": "mds.csv"}}
    found = proposed({"folder": str(folder), "dimensions": ["a", "c", "d"], "splits": splits})
    assert (found["dimensions"], found["labels"], found["source"]) == (["a", "c", "d"], "table", "directory")
    assert found["columns"] == {"label": "kind"}
    assert found["splits"] == {
        "train": {"images": "*.png", "coordinates": "mds.csv"},
        "validation": {"column": "split"},
    }
    given = {"labels": "names", "splits": splits | {"validation": {"fraction": 0.5}}}
    found = proposed({"folder": str(folder), **given})
    assert (found["labels"], set(build_catalog(folder, found)["label"])) == ("names", {"cat", "dog", "owl"})
    assert found["splits"]["validation"] == {"fraction": 0.5, "seed": 0}
    found = proposed({"folder": str(folder), "labels": "none", "splits": splits})
    assert found["labels"] == "none"
    assert set(build_catalog(folder, found)["label"]) == {""}


def test_a_default_configuration_that_has_the_folder_itself_is_all_the_users(folder, tmp_path):
    fill(folder, FLAT, mds=FLAT)
    dataset = {"folder": str(folder), "dimensions": ["hue"]}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"dataset": dataset}))
    for given, dimensions in ((dataset, ["hue"]), (str(folder), [])):
        found = with_proposed_dataset({"dataset": given}, tmp_path / "config.yaml")["dataset"]
        assert found["dimensions"] == dimensions
    (tmp_path / "config.yaml").write_text("")
    assert with_proposed_dataset({"dataset": dataset}, tmp_path / "config.yaml")["dataset"]["dimensions"] == ["hue"]


def test_files_of_embeddings_and_of_responses_in_the_folder_are_no_coordinates(folder):
    fill(folder, FLAT, mds=FLAT)
    np.savez(folder / "clip.npz", names=np.array(FLAT), embedding=np.random.default_rng(0).normal(size=(12, 20)))
    counts = pd.DataFrame(np.arange(36).reshape(12, 3), FLAT, ["cat", "dog", "owl"])
    counts.to_csv(folder / "choices.csv", index_label="image")
    config = {
        "dataset": str(folder), "models": [{"name": "clip", "embeddings": str(folder / "clip.npz")}],
        "choices": {"files": [str(folder / "ch*.csv")], "spaces": [{"name": "joint", "file": "joint.csv"}]},
    }  # fmt: skip
    found = with_proposed_dataset(config, ROOT / "config/config.yaml")["dataset"]
    assert found["splits"]["train"]["coordinates"] == "mds.csv"
    with pytest.raises(RockspaceError, match=r"choices.csv, clip.npz, mds.csv each give all images coordinates"):
        propose_dataset(folder)


def test_numbers_beside_a_folder_may_be_texts_as_the_command_line_hands_them_over(folder):
    fill(folder, FLAT, mds=FLAT)
    given = {"folder": str(folder), "splits": {"validation": {"fraction": "0.5"}}}
    found = with_proposed_dataset({"dataset": given}, ROOT / "config/config.yaml")["dataset"]
    assert found["splits"]["validation"]["fraction"] == "0.5"  # read as a number with all the rest


def test_dimensions_that_one_table_alone_has_choose_it(folder):
    with_columns(folder)
    table = pd.read_csv(folder / "norms.csv").rename(columns={"a": "familiarity"})
    table.to_csv(folder / "norms.csv", index=False)
    assert (
        proposed({"folder": str(folder), "dimensions": ["familiarity"]})["splits"]["train"]["coordinates"]
        == "norms.csv"
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"directory": "elsewhere"}, "dataset.directory: found beside dataset.folder, from which it is detected"),
        ({"dimension": ["a"]}, "dataset.dimension: found beside dataset.folder"),
        ({"dimensions": "a"}, 'dataset.dimensions: found "a"'),
        ({"splits": {"train": {"image": "*.png"}}}, "splits.train.image: unknown key; did you mean 'images'"),
        ({"labels": "folders"}, "no labels found; mend it, set dataset.labels to none"),
        ({"splits": {"train": {"coordinates": "msd.csv"}}}, r"msd.csv"),
        ({"splits": {"train": {"images": "*.pgn"}}}, r"no image matches '\*.pgn'"),
        (
            {"splits": {"train": {"images": "cat*.png"}, "validation": {"images": "cow*.png"}}},
            r"no image matches 'cow\*.png'",
        ),
    ],
)
def test_what_does_not_fit_a_folder_is_refused_in_a_line(folder, given, expected):
    fill(folder, FLAT, mds=FLAT)

    def read() -> None:
        dataset = proposed({"folder": str(folder), **given})
        people_coordinates(folder, dataset, build_catalog(folder, dataset))

    with pytest.raises(RockspaceError, match=expected) as error:
        read()
    assert "\n" not in str(error.value)


def without_labels(folder: Path) -> None:
    fill(folder, [f"{i:02d}.png" for i in range(12)], mds=[f"{i:02d}" for i in range(12)])


def long_with_splits(folder: Path) -> None:
    table = pd.read_csv(with_columns(folder) / "mds.csv").melt(["pet", "kind", "split"], var_name="dimension")
    table.to_csv(folder / "mds.csv", index=False, sep=";", decimal=",")
    (folder / "norms.csv").unlink()


def in_folders_with_names_apart(folder: Path) -> None:
    fill(folder, [f"{name[:3]}/{name}" for name in FLAT])
    np.save(folder / "mds.npy", np.random.default_rng(0).normal(size=(12, 3)))
    (folder / "names.txt").write_text("\n".join(FLAT[::-1]))


@pytest.mark.parametrize("layout", [without_labels, long_with_splits, in_folders_with_names_apart])
def test_the_file_that_is_written_can_be_run_at_once_and_says_what_the_folder_alone_says(tmp_path, monkeypatch, layout):
    layout(tmp_path / "mine")
    shutil.copytree(ROOT / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    main(["pets", "mine"])
    snakefile = ["--snakefile", str(ROOT / "Snakefile"), "--config", "study=pets"]
    for arguments in (["--configfile", "config/pets.yaml", *snakefile], [*snakefile, "dataset=mine"]):
        planned = dry_run(tmp_path, arguments, dict(os.environ))
        assert planned.returncode == 0, planned.stdout + planned.stderr


def test_a_dataset_that_is_neither_folder_nor_section_is_one_line(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    planned = dry_run(tmp_path, ["--snakefile", str(ROOT / "Snakefile"), "--config", "dataset=5"], dict(os.environ))
    assert planned.returncode != 0
    assert "config: dataset: found 5; allowed: object" in planned.stdout + planned.stderr


def test_at_most_five_of_anything_are_listed(folder, tmp_path, monkeypatch, capsys):
    images = [f"{kind}{i}.png" for kind in "abcdefghij" for i in range(4)]
    fill(folder, images)
    names = [f"dimension number {i}" for i in range(49)]
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 49)), images, names)
    table = table.assign(**{f"note {i}": images for i in range(9)})
    table = pd.concat([table, table.set_axis([f"k{i}.png" for i in range(40)])])
    table.to_csv(folder / "mds.csv", index_label="image")
    (tmp_path / "config").mkdir()
    shutil.copy(ROOT / "config/config.yaml", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    main(["pets", "mine"])
    said = capsys.readouterr().out
    assert all(line.count(",") <= 6 for line in said.splitlines()), said
    assert "k0.png, k1.png, k2.png, k3.png, k4.png and 35 more" in said
    assert "dimension number 4 and 44 more" in said
    assert "10 labels" in said
    for i in range(9):
        (folder / f"mds{i}.csv").write_text((folder / "mds.csv").read_text().replace(",0.", f",{i + 1}."))
    with pytest.raises(RockspaceError, match=r"mds.csv, mds0.csv, mds1.csv, mds2.csv, mds3.csv and 5 more each give"):
        propose_dataset(folder)
