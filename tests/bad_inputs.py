"""Bad inputs and the result of each: one table for the tests and for ``docs/bad-input.md``.

Usage: ``python tests/bad_inputs.py > docs/bad-input.md`` writes the page again.
"""

import io
import json
import os
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet
import scipy.io
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from odd_exif import photograph
from rockspace.artifacts import write_csv
from rockspace.config import validated
from rockspace.config_files import check_config_file
from rockspace.data.archive import fetch
from rockspace.data.catalog import label_indices, left_out_of_accuracy, read_catalog
from rockspace.data.images import read_rgb
from rockspace.data.manifest import verify
from rockspace.data.restructuring import build_catalog, restructure
from rockspace.people.reading import people_coordinates

INTRODUCTION = """\
# Bad input

How invalid and unusual input is handled. Each row is a test. A line in `code` is the error message; no partial files are
left behind. Configuration errors are reported before any job starts, errors in the archive by the stages
`download` and `restructure`, before any training.
"""
TRAIN = ["I_Andesite_01", "I_Andesite_02", "S_Rock Salt_01", "S_Rock Salt_02"]
VALIDATION = ["I_Andesite_1_120", "S_Rock Salt_1_120"]
ARCHIVE = Path("archive")
RAW = Path("results/rocks/raw")


class Study:
    """A small study in the current folder: a local copy of an archive, and a configuration that takes it."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        for folder, names in (("360 Rocks", TRAIN), ("120 Rocks", VALIDATION)):
            (ARCHIVE / folder).mkdir(parents=True)
            for name in names:
                pixels = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(ARCHIVE / folder / f"{name}.jpg")
        (ARCHIVE / "mds_360.txt").write_text("1.5 2\n3 4\n-5 6e-1\n7 8\n")
        (ARCHIVE / "mds_120.txt").write_text("1 2\n3 4\n")
        self.config: dict[str, Any] = {
            "study": "rocks",
            "dataset": {
                "source": "directory",
                "directory": str(ARCHIVE),
                "filename": r"(?P<superclass>[A-Z])_(?P<label>.+?)_(?P<token>\d+)(?:_\d+)?\.jpe?g",
                "splits": {
                    "train": {"images": "360 Rocks/*.jpg", "coordinates": "mds_360.txt"},
                    "validation": {"images": "120 Rocks/*.jpg", "coordinates": "mds_120.txt"},
                },
            },
            "models": [{"name": "lite0", "backbone": "efficientnet_lite0"}],
        }

    def image(self, name: str = TRAIN[0], suffix: str = ".jpg") -> Path:
        folder = "360 Rocks" if name in TRAIN else "120 Rocks"
        return ARCHIVE / folder / f"{name}{suffix}"

    def rename(self, old: str, new: str) -> None:
        self.image(old).rename(self.image(old).with_name(new))

    def coordinates(self, text: str | bytes, split: str = "360") -> None:
        (ARCHIVE / f"mds_{split}.txt").write_bytes(text.encode() if isinstance(text, str) else text)

    def run(self) -> "Study":
        """What the stages up to ``coordinates`` do."""
        dataset = validated(self.config)["dataset"]
        fetch(dataset, RAW, RAW.with_name("raw.manifest.json"))
        verify(RAW, RAW.with_name("raw.manifest.json"))
        catalog = build_catalog(RAW, dataset)
        restructure(RAW, catalog, RAW.with_name("images"))
        write_csv(RAW.with_name("catalog.csv"), catalog)
        self.catalog = read_catalog(RAW.with_name("catalog.csv"))
        self.tables, _ = people_coordinates(RAW, dataset, self.catalog)
        for split, table in self.tables.items():
            write_csv(RAW.with_name("coordinates") / f"{split}.csv", table, index=True)
        return self

    def pixels(self, name: str = TRAIN[0]) -> np.ndarray:
        """An image as it will be trained on, once the study has run."""
        files = self.catalog.set_index("image_id")["file"]
        return np.asarray(read_rgb(RAW / files[name]))


@dataclass(frozen=True)
class BadInput:
    """One row: the input, the result, and the function that tries it.

    Attributes:
        section: Heading that it stands under.
        what: The input, in words.
        gets: The whole line that is said, or how the input is handled.
        is_refused: Which of the two.
        act: Makes the input and runs what reads it; where the input is handled, it checks how.
    """

    section: str
    what: str
    gets: str
    is_refused: bool
    act: Callable[[Study], Any]


TABLE: list[BadInput] = []


def refused(section: str, what: str, line: str) -> Callable:
    """Add a row for an input that is refused; the stages up to ``restructure`` run after the function."""

    def add(damage: Callable[[Study], None]) -> Callable:
        def act(study: Study) -> None:
            damage(study)
            study.run()

        TABLE.append(BadInput(section, what, line, True, act))
        return damage

    return add


def handled(section: str, what: str, how: str) -> Callable:
    """Add a row for an input that is put right."""

    def add(check: Callable[[Study], None]) -> Callable:
        TABLE.append(BadInput(section, what, how, False, check))
        return check

    return add


def page() -> str:
    """The whole page of the docs."""
    parts = [INTRODUCTION]
    for section in dict.fromkeys(row.section for row in TABLE):
        rows = [row for row in TABLE if row.section == section]
        lines = [f"| {_cell(row.what)} | {_cell(f'`{row.gets}`' if row.is_refused else row.gets)} |" for row in rows]
        parts.append("\n".join([f"\n## {section}\n", "| input | result |", "|---|---|", *lines]) + "\n")
    return "".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


CONFIG = "Configuration"


def wrong_value(what: str, keys: str, value: Any, line: str) -> None:
    """Add a row for a value of the configuration."""

    @refused(CONFIG, what, line)
    def set_value(study: Study) -> None:
        *path, last = keys.split(".")
        section = study.config
        for key in path:
            section = section.setdefault(key, {}) if isinstance(section, dict) else section[int(key)]
        section[last] = value


wrong_value(
    "A misspelt key",
    "finetune.epoch",
    3,
    "config: finetune.epoch: unknown key; did you mean 'epochs'? Allowed here: ...",
)
wrong_value(
    "A negative number of epochs",
    "finetune.epochs",
    -3,
    "config: finetune.epochs: found -3; allowed: at least 0 (...)",
)
wrong_value(
    "A number beyond what a study can use",
    "procrustes.bootstraps",
    10**9,
    "config: procrustes.bootstraps: found 1000000000; allowed: at most 100000 (...)",
)
wrong_value(
    "A word instead of a number",
    "finetune.learning_rate",
    "small",
    'config: finetune.learning_rate: found "small"; allowed: number (Step size of the optimizer.)',
)
wrong_value(
    "`.nan` for a number",
    "finetune.learning_rate",
    float("nan"),
    "config: finetune.learning_rate: found nan; allowed: a finite number",
)
wrong_value(
    "A string instead of a list",
    "seeds",
    "0",
    'config: seeds: found "0"; allowed: array (Every model is trained once for each seed. A seed decides the initial weights of the head, the order, the augmentation and the stopping set.)',
)
wrong_value(
    "A study's name that leads to another folder",
    "study",
    "../../etc",
    r"config: study: found \"../../etc\"; allowed: ...".replace('\\"', '"'),
)
wrong_value("A line break in a study's name", "study", "rocks\n", r'config: study: found "rocks\n"; allowed: ...')
wrong_value(
    "A layer's name that leads to another folder",
    "embeddings.layers",
    ["../penultimate"],
    'config: embeddings.layers[0]: found "../penultimate"; allowed: ...',
)
wrong_value(
    "A file name pattern that is not a valid regular expression",
    "dataset.filename",
    "(",
    'config: dataset.filename: found "("; allowed: a valid regex ...',
)
wrong_value(
    "A file name pattern without a label",
    "dataset.filename",
    ".*",
    'config: dataset.filename: found ".*"; allowed: a pattern with a group (?P<label>...), unless dataset.columns.label names a column, or dataset.labels is folders or none',
)
wrong_value(
    "Labels from a table without a column of them",
    "dataset.labels",
    "table",
    "config: dataset.columns.label: missing; with 'labels: table' it names the column of labels",
)
wrong_value(
    "A model that learns labels in a study without labels",
    "dataset.labels",
    "none",
    'config: models[0].objective: found "classification", which learns labels, and dataset.labels is none; allowed: "coordinates" or "none"',
)
wrong_value(
    "A pattern of images outside the archive",
    "dataset.splits.train.images",
    "../*.jpg",
    "dataset.splits: the pattern '../*.jpg' must be relative to the archive's root, such as '360 Rocks/*.jpg'",
)
wrong_value(
    "A missing folder",
    "dataset.directory",
    "nowhere",
    "dataset.directory: nowhere is not a folder; it must hold a copy of the archive",
)
wrong_value(
    "More names of dimensions than columns",
    "dataset.dimensions",
    ["a", "b", "c"],
    "results/rocks/raw/mds_360.txt: 2 columns of coordinates, but config key dataset.dimensions names 3; make them agree",
)
wrong_value(
    "An unknown source",
    "dataset.source",
    "ftp",
    'config: dataset.source: found "ftp"; allowed: "osf", "directory", "synthetic" (...',
)


wrong_value(
    "A seed too large for the generators",
    "seeds",
    [0, 2**40],
    "config: seeds[1]: found 1099511627776; allowed: at most 2147483647",
)
wrong_value(
    "One image in both splits",
    "dataset.splits.validation.images",
    "*/*.jpg",
    "360 Rocks/I_Andesite_01.jpg is a training image and a validation image (4 such images); narrow the patterns in dataset.splits.*.images, or pick validation images with dataset.splits.validation.fraction, list, tokens or column",
)


RULE = "dataset.splits.validation"
wrong_value(
    "Two rules for the validation images",
    RULE,
    {"fraction": 0.5, "column": "split"},
    "config: dataset.splits.validation: found fraction and column; allowed: one of fraction, list, tokens, column",
)
wrong_value(
    "Tokens that no image has",
    RULE,
    {"tokens": "13-16"},
    "config: dataset.splits.validation.tokens: found '13-16'; allowed: some of the tokens in the names, 1 to 2",
)
wrong_value(
    "A column of splits that no table has",
    RULE,
    {"column": "split"},
    "results/rocks/raw/mds_360.txt: no column 'split' (config key dataset.splits.validation.column); its columns are column 1, column 2",
)


@refused(
    CONFIG,
    "A list of validation images with one that is not there",
    "results/rocks/raw/held_out.txt: row 2: image 'I_Granite_01' has a row but no file; remove the row or add the image (images have names such as 'I_Andesite_01.jpg')",
)
def a_list_with_another_image(study: Study) -> None:
    (ARCHIVE / "held_out.txt").write_text("I_Andesite_01\nI_Granite_01\n")
    study.config["dataset"]["splits"]["validation"] = {"list": "held_out.txt"}


@refused(CONFIG, "Two models of one name", "config: models[1].name: found 'lite0' twice; each model needs its own name")
def two_models_of_one_name(study: Study) -> None:
    study.config["models"] *= 2


@refused(
    CONFIG,
    "A key given twice in a config file",
    "twice.yaml: line 2: 'study' is given again, first in line 1; keep one",
)
def key_given_twice(_study: Study) -> None:
    Path("twice.yaml").write_text("study: rocks\nstudy: others\n")
    check_config_file(Path("twice.yaml"))


@refused(
    CONFIG,
    "A config file whose code Snakemake would run",
    "mailed.yaml: line 1: '__use_yte__' makes the file a template, and Snakemake would run the Python code in it; write the "
    "values themselves",
)
def config_with_code(_study: Study) -> None:
    Path("mailed.yaml").write_text("__use_yte__: true\nstudy: '?__import__(\"os\").getcwd()'\n")
    check_config_file(Path("mailed.yaml"))


@handled(CONFIG, "`learning_rate: 1e-5`, which YAML reads as a string", "Converted to a number.")
def exponent_without_point(study: Study) -> None:
    study.config["finetune"] = {"learning_rate": "1e-5"}
    assert validated(study.config)["finetune"]["learning_rate"] == 1e-5


@handled(CONFIG, "A date as the study's name, which YAML reads as a date", "Used as the name: `results/2026-11-24/`.")
def date_as_name(study: Study) -> None:
    import yaml

    assert validated(study.config | yaml.safe_load("study: 2026-11-24"))["study"] == "2026-11-24"


ARCHIVES = "Archive and names"


@refused(
    ARCHIVES,
    "A split without images",
    "'120 Rocks/*.jpg' matches no file in the folder 'archive'; found: '120 Rocks/', '360 Rocks/', 'mds_120.txt', 'mds_360.txt'",
)
def split_without_images(study: Study) -> None:
    for name in VALIDATION:
        study.image(name).unlink()


@refused(
    ARCHIVES,
    "A missing coordinates file",
    "'mds_360.txt' matches no file in the folder 'archive'; found: '120 Rocks/', '360 Rocks/', 'mds_120.txt'",
)
def no_coordinates(study: Study) -> None:
    (ARCHIVE / "mds_360.txt").unlink()


@refused(
    ARCHIVES,
    "A broken symbolic link",
    "archive/360 Rocks/I_Andesite_03.jpg cannot be copied to ...: No such file or directory",
)
def broken_link(study: Study) -> None:
    study.image().with_name("I_Andesite_03.jpg").symlink_to("gone.jpg")


@refused(
    ARCHIVES,
    "A file name that is not UTF-8",
    r"file name 'I_Andesite_\udcff.jpg' in the archive is refused: it is not valid Unicode; rename the file",
)
def name_not_utf8(study: Study) -> None:
    os.rename(os.fsencode(study.image()), os.path.join(os.fsencode(study.image().parent), b"I_Andesite_\xff.jpg"))


@refused(
    ARCHIVES,
    "A line break in a file name",
    r"file name 'I_Andesite\n_01.jpg' in the archive is refused: it contains a control character; rename the file",
)
def name_with_line_break(study: Study) -> None:
    study.rename(TRAIN[0], "I_Andesite\n_01.jpg")


@refused(
    ARCHIVES,
    "A backslash in a file name",
    r"file name 'I_..\\..\\x_01.jpg' in the archive is refused: it contains a path separator; rename the file",
)
def name_with_backslash(study: Study) -> None:
    study.rename(TRAIN[0], "I_..\\..\\x_01.jpg")


@refused(
    ARCHIVES,
    "A file name that does not match the pattern",
    r"360 Rocks/andesite.jpg: the name does not match dataset.filename ((?P<superclass>[A-Z])_(?P<label>.+?)_(?P<token>\d+)(?:_\d+)?\.jpe?g); rename it or change the key",
)
def name_that_does_not_fit(study: Study) -> None:
    study.rename(TRAIN[0], "andesite.jpg")


@refused(
    ARCHIVES,
    "`..` as a label",
    "360 Rocks/I_.._01.jpg: the label is '..', which is not a valid folder name; check dataset.labels",
)
def label_of_dots(study: Study) -> None:
    study.rename(TRAIN[0], "I_.._01.jpg")


@refused(
    ARCHIVES,
    "A label that a spreadsheet would compute",
    "catalog.csv: column 'label': '=1+1' would be computed as a formula by a spreadsheet that opens the file; rename it, so that "
    "it begins with none of = + - @",
)
def label_as_formula(study: Study) -> None:
    for number in ("01", "02"):
        study.rename(f"I_Andesite_{number}", f"I_=1+1_{number}.jpg")


@refused(
    ARCHIVES,
    "A label with a path separator",
    "360 Rocks/I_Andesite_01.jpg: the label is '360 Rocks/I', which is not a valid folder name; check dataset.labels",
)
def label_with_separator(study: Study) -> None:
    study.config["dataset"]["filename"] = r"(?P<label>.+/[A-Z])_.*"


@handled(ARCHIVES, "One image name in two folders", "The images are told apart by their folders.")
def one_name_twice(study: Study) -> None:
    study.rename(VALIDATION[0], "I_Andesite_01.jpg")
    names = study.run().catalog["image_id"].tolist()
    assert [name for name in names if "Andesite" in name] == [
        "360 Rocks/I_Andesite_01",
        "I_Andesite_02",
        "120 Rocks/I_Andesite_01",
    ]


@refused(
    ARCHIVES,
    "Two labels that differ in their spelling alone",
    "labels 'Andesite' and 'andesite' differ in their spelling alone; write them alike",
)
def spell_a_label_in_two_ways(study: Study) -> None:
    study.rename("I_Andesite_02", "I_andesite_02.jpg")


@refused(
    ARCHIVES,
    "Only one label",
    "only one label, 'Andesite', which tells no images apart; check dataset.labels, or set it to none",
)
def one_label(study: Study) -> None:
    for name in (*TRAIN[2:], VALIDATION[1]):
        study.image(name).unlink()
    study.coordinates("1 2\n3 4\n")
    study.coordinates("1 2\n", "120")


@handled(
    ARCHIVES,
    "A label without training images",
    "Its images are aligned, and left out of accuracy; the log and `metrics.json` say how many.",
)
def label_without_training(study: Study) -> None:
    study.rename(VALIDATION[0], "I_Basalt_1_120.jpg")
    catalog = study.run().catalog
    assert label_indices(catalog, catalog["image_id"]).tolist() == [0, 0, 1, 1, -1, 1]
    assert left_out_of_accuracy(catalog) == (0, 1)


def labels_in_a_table(study: Study, label_of: dict[str, str]) -> None:
    rows = "".join(f"{name},{label}\n" for name, label in label_of.items())
    (ARCHIVE / "labels.csv").write_text(f"image,kind\n{rows}")
    study.config["dataset"]["columns"] = {"label": "kind"}
    for split in study.config["dataset"]["splits"].values():
        split["labels"] = "labels.csv"


@refused(
    ARCHIVES,
    "A training image without a label in the table of labels",
    "results/rocks/raw/labels.csv: row 3: column 'kind' holds '': no label, which every training image needs (1 have none); add "
    "it, or set dataset.labels to none",
)
def training_image_without_label(study: Study) -> None:
    labels_in_a_table(study, dict(zip(TRAIN + VALIDATION, ["a", "", "b", "b", "a", "b"], strict=True)))


@refused(
    ARCHIVES,
    "A training image that the table of labels does not have",
    "results/rocks/raw/labels.csv: no row for image '360 Rocks/S_Rock Salt_02.jpg': no label, which every training image needs "
    "(1 have none); add it, or set dataset.labels to none",
)
def training_image_without_row_of_labels(study: Study) -> None:
    labels_in_a_table(study, dict(zip([*TRAIN[:3], *VALIDATION], "aabab", strict=True)))


@handled(
    ARCHIVES,
    "A validation image without a label, or with `NA` in the column of labels",
    "It is aligned, and left out of accuracy; the log and `metrics.json` say how many.",
)
def validation_image_without_label(study: Study) -> None:
    labels_in_a_table(study, dict(zip(TRAIN + VALIDATION, ["a", "a", "b", "b", "NA", ""], strict=True)))
    catalog = study.run().catalog
    assert catalog["label"].tolist() == ["a", "a", "b", "b", "", ""]
    assert catalog["path"].tolist()[-2:] == [f"images/validation/{name}.jpg" for name in VALIDATION]
    assert left_out_of_accuracy(catalog) == (2, 0)


@refused(
    ARCHIVES,
    "An image outside any folder, with labels from folders",
    "I_Andesite_01.jpg: no label, which every training image needs (4 have none); add it, or set dataset.labels to none",
)
def image_outside_folders(study: Study) -> None:
    for name in TRAIN:
        study.image(name).rename(ARCHIVE / f"{name}.jpg")
    study.config["dataset"]["splits"]["train"]["images"] = "*.jpg"
    study.config["dataset"]["labels"] = "folders"


@handled(ARCHIVES, "No labels at all: `labels: none`", "Images are filed by split alone, and none has a label.")
def no_labels(study: Study) -> None:
    study.config["dataset"]["labels"] = "none"
    study.config["models"][0]["objective"] = "coordinates"
    catalog = study.run().catalog
    assert set(catalog["label"]) == set(catalog["superclass"]) == {""}
    assert all(RAW.parent.joinpath(path).is_file() for path in catalog["path"])
    assert catalog["path"].iloc[0] == f"images/train/{TRAIN[0]}.jpg"


@refused(
    ARCHIVES,
    "One label in two superclasses",
    "label 'Andesite' has images of several superclasses; check dataset.filename",
)
def label_of_two_superclasses(study: Study) -> None:
    study.rename(TRAIN[0], "M_Andesite_01.jpg")


@refused(
    ARCHIVES,
    "A label with a single training image, where a stopping set is needed",
    "config: finetune.holdout_fraction: 0.1667 of 3 training images cannot hold one image of each of the 2 labels; raise it, add images, or set finetune.selection to validation",
)
def label_with_one_image(study: Study) -> None:
    from rockspace.training.stopping_set import stopping_set

    study.image(TRAIN[3]).unlink()
    study.coordinates("1 2\n3 4\n5 6\n")
    labels = study.run().catalog.query("split == 'train'")["label"].factorize()[0]
    stopping_set(labels, validated(study.config)["finetune"]["holdout_fraction"], seed=0)


@handled(ARCHIVES, "File names and labels that are numbers, such as `007.jpg`", "Kept as text, with leading zeros.")
def names_that_are_numbers(study: Study) -> None:
    from rockspace.people.coordinates import read_coordinates_tables

    study.config["dataset"]["filename"] = r"(?P<label>\d\d)\d+\.jpg"
    for old, new in zip((*TRAIN, *VALIDATION), ("001", "002", "011", "012", "003", "013"), strict=True):
        study.rename(old, f"{new}.jpg")
    catalog = study.run().catalog
    assert catalog["image_id"].tolist() == ["001", "002", "011", "012", "003", "013"]
    assert catalog["label"].tolist() == ["00", "00", "01", "01", "00", "01"]
    study.tables["train"].to_csv("train.csv")
    assert read_coordinates_tables(["train.csv"]).loc["011"].tolist() == [-5, 0.6]


@handled(ARCHIVES, "A label that looks like a missing value, such as `NA` or `None`", "Kept as text.")
def labels_like_nothing(study: Study) -> None:
    for old in (*TRAIN, *VALIDATION):
        study.rename(old, f"{old.replace('Andesite', 'NA').replace('Rock Salt', 'None')}.jpg")
    assert set(study.run().catalog["label"]) == {"NA", "None"}


@handled(
    ARCHIVES,
    "Quotes, commas, `$(...)` and `;` in a file name",
    "Ordinary characters; nothing is passed to a shell.",
)
def names_for_a_shell(study: Study) -> None:
    study.config["dataset"]["order"] = "name"  # other programs may sort such names in another order
    study.rename(TRAIN[0], 'I_Andesite, "$(touch pwned)"; touch pwned_01.jpg')
    catalog = study.run().catalog
    assert '"$(touch pwned)"; touch pwned' in catalog["label"].iloc[0]
    assert Path("results/rocks", catalog["path"].iloc[0]).is_file()


@handled(ARCHIVES, "Other files, such as `.DS_Store` or `._I_Andesite_01.jpg`", "Ignored.")
def other_files(study: Study) -> None:
    for name in (".DS_Store", "._I_Andesite_01.jpg", "Thumbs.db"):
        study.image().with_name(name).write_bytes(b"x")
    assert len(study.run().catalog) == 6


IMAGES = "Images"
BAD_IMAGE = "results/rocks/raw/360 Rocks/I_Andesite_01.jpg: cannot be read as an image ({}); replace it or remove it"


@refused(
    IMAGES,
    "A file of 0 bytes",
    "results/rocks/raw/360 Rocks/I_Andesite_01.jpg: the file is empty; replace it or remove it",
)
def empty_image(study: Study) -> None:
    study.image().write_bytes(b"")


@refused(IMAGES, "A web page instead of a photograph", BAD_IMAGE.format("a web page"))
def web_page(study: Study) -> None:
    study.image().write_text("\n<!DOCTYPE html><html><title>404</title></html>")


@refused(
    IMAGES,
    "A text file instead of a photograph",
    BAD_IMAGE.format("not one of JPEG, PNG, TIFF, WEBP, GIF, BMP, AVIF, HEIF"),
)
def text_as_image(study: Study) -> None:
    study.image().write_text("not a photograph")


@refused(IMAGES, "A truncated photograph", BAD_IMAGE.format("..."))
def cut_image(study: Study) -> None:
    content = study.image().read_bytes()
    study.image().write_bytes(content[: len(content) * 3 // 4])


@refused(
    IMAGES, "A JPEG whose rest is zeros, after a copy that was interrupted", BAD_IMAGE.format("its end is missing")
)
def image_that_ends_in_zeros(study: Study) -> None:
    content = study.image().read_bytes()
    study.image().write_bytes(content[: len(content) * 3 // 4].ljust(len(content), b"\0"))


@refused(IMAGES, "A pointer of Git LFS", BAD_IMAGE.format("a pointer of Git LFS: run git lfs pull"))
def pointer_of_git_lfs(study: Study) -> None:
    study.image().write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n")


@refused(
    IMAGES,
    "A camera raw file, which begins with a small copy",
    BAD_IMAGE.format("a small copy comes before the photograph, as in camera raw files; save it as JPEG or PNG"),
)
def camera_raw_file(study: Study) -> None:
    small = Image.new("RGB", (8, 6))
    small.save(study.image(), "TIFF", tiffinfo={254: 1})


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big") for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def header(side: int) -> tuple[bytes, bytes]:
    return b"IHDR", side.to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"


@refused(
    IMAGES,
    "A decompression bomb: a small file of 3.6 gigapixels",
    BAD_IMAGE.format(
        "Image size (3600000000 pixels) exceeds limit of 178956970 pixels, could be decompression bomb DOS attack."
    ),
)
def pixel_bomb(study: Study) -> None:
    study.image().write_bytes(png(header(60_000), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")))


@refused(
    IMAGES,
    "An image of 13,300 x 13,300 pixels",
    BAD_IMAGE.format("13300 x 13300 pixels; at most 120,000,000 are read"),
)
def large_image(study: Study) -> None:
    study.image().write_bytes(png(header(13_300), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")))


@refused(
    IMAGES,
    "A format that is not accepted, such as PostScript, which would run another program",
    BAD_IMAGE.format("not one of JPEG, PNG, TIFF, WEBP, GIF, BMP, AVIF, HEIF"),
)
def postscript(study: Study) -> None:
    Image.new("RGB", (4, 4)).save(study.image(), "EPS")


@refused(
    IMAGES,
    "A decompression bomb: 100 MB of text in a small PNG",
    BAD_IMAGE.format("Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK"),
)
def text_bomb(study: Study) -> None:
    text = b"zTXt", b"k\0\0" + zlib.compress(bytes(100_000_000))
    study.image().write_bytes(png(header(1), text, (b"IDAT", zlib.compress(bytes(4))), (b"IEND", b"")))


@refused(
    IMAGES,
    "One channel of 32 bits, which does not define white",
    BAD_IMAGE.format("32 bits per pixel (mode F) without a defined white; save 8 or 16 bits"),
)
def image_of_floats(study: Study) -> None:
    study.image().unlink()
    Image.fromarray(np.ones((4, 4), np.float32)).save(study.image(), "TIFF")


@handled(IMAGES, "16 bits a channel", "Scaled to 8 bits: black stays black and white stays white.")
def sixteen_bits(study: Study) -> None:
    study.image().unlink()
    Image.fromarray(np.array([[0, 32768, 65535]], np.uint16)).save(study.image(), "PNG")
    np.testing.assert_array_equal(study.run().pixels()[0], [[0] * 3, [128] * 3, [255] * 3])


@handled(IMAGES, "Grey, palette, black and white", "Converted to RGB.")
def other_modes(study: Study) -> None:
    for name, mode, white in zip(TRAIN, ("L", "P", "1", "LA"), (255, 0, 1, (255, 255)), strict=True):
        study.image(name).unlink()
        image = Image.new(mode, (3, 2), white)
        if mode == "P":
            image.putpalette([255, 255, 255])
        image.save(study.image(name), "PNG")
    study.run()
    for name in TRAIN:
        np.testing.assert_array_equal(study.pixels(name), np.full((2, 3, 3), 255))


@handled(IMAGES, "CMYK, as print shops send it", "Converted to RGB.")
def cmyk(study: Study) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(study.image(), "JPEG")
    np.testing.assert_allclose(study.run().pixels()[0, 0], [255, 0, 0], atol=3)


@handled(IMAGES, "Transparent parts", "The configured background shows through (`tfrecords.background`).")
def transparency(study: Study) -> None:
    Image.new("RGBA", (4, 4), (10, 20, 30, 0)).save(study.image(), "PNG")
    assert (study.run().pixels() == 255).all()
    assert (np.asarray(read_rgb(study.image(), (1, 2, 3)))[0, 0] == (1, 2, 3)).all()


@handled(IMAGES, "An animation, or several pages", "The first picture is taken.")
def animation(study: Study) -> None:
    first, second = Image.new("RGB", (4, 4), (255, 0, 0)), Image.new("RGB", (4, 4), (0, 0, 255))
    first.save(study.image(), "GIF", save_all=True, append_images=[second])
    assert (study.run().pixels()[0, 0] == (255, 0, 0)).all()


@handled(
    IMAGES,
    "Invalid or truncated EXIF data",
    "The photograph is read, and rotated if its orientation can be read.",
)
def odd_exif(study: Study) -> None:
    sideways = 5  # a number of tests/odd_exif.py, among whose blocks are all kinds of faults
    assert photograph(sideways, study.image()) == (6, 8)
    assert study.run().pixels().shape == (8, 6, 3)


@handled(IMAGES, "EXIF orientation", "The photograph is rotated upright.")
def turned(study: Study) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 6)).save(study.image(), exif=exif)
    assert study.run().pixels().shape == (8, 6, 3)


@handled(IMAGES, "Another format than the name says", "What counts is the content, not the suffix.")
def other_format(study: Study) -> None:
    Image.new("RGB", (4, 4), (0, 255, 0)).save(study.image(), "WEBP", lossless=True)
    assert (study.run().pixels()[0, 0] == (0, 255, 0)).all()


@handled(IMAGES, "An image one pixel wide", "Padded or stretched like any other.")
def thin(study: Study) -> None:
    from rockspace.data.images import square

    Image.new("RGB", (1, 3000)).save(study.image(), "PNG")
    image = Image.fromarray(study.run().pixels())
    for fit in ("pad", "crop", "stretch"):
        assert square(image, 32, fit, (255, 255, 255)).shape == (32, 32, 3)


COORDINATES = "Coordinates"


def _table(images: list[str], rows: list[str], header: str = "image,a,b") -> str:
    return "".join(f"{line}\n" for line in [header, *map(",".join, zip(images, rows, strict=True))])


def wrong_coordinates(what: str, content: str | bytes, line: str, split: str = "360") -> None:
    """Add a row for the content of a coordinates file."""

    @refused(COORDINATES, what, f"results/rocks/raw/mds_{split}.txt: {line}")
    def write(study: Study) -> None:
        study.coordinates(content, split)


wrong_coordinates(
    "One row more than images",
    "1 2\n3 4\n5 6\n7 8\n9 9\n",
    "5 rows without names for 4 images in '360 Rocks'; each image needs one row",
)
wrong_coordinates(
    "One row less than images",
    "1 2\n3 4\n5 6\n",
    "3 rows without names for 4 images in '360 Rocks'; each image needs one row",
)
wrong_coordinates("A row of NaN", "1 2\nnan nan\n5 6\n7 8\n", "row 2: found 'nan'; every coordinate must be finite")
wrong_coordinates(
    "An infinite number", "1 2\n3 4\n5 1e999\n7 8\n", "row 3: found '1e999'; every coordinate must be finite"
)
wrong_coordinates(
    "A word among the numbers", "1 2\n3 4\n\n5 x\n7 8\n", "row 4: found 'x' where a number is expected (column 2)"
)
wrong_coordinates("A missing number", "1.5,2\n3,\n5,6\n7,8\n", "row 2: found '' where a number is expected (column 2)")
wrong_coordinates("A row that is too short", "1 2\n3 4\n5\n7 8\n", "row 3: 1 cells, but other rows have 2")
wrong_coordinates(
    "Commas that may separate columns or decimals",
    "0,502\n1,3\n-0,5\n0,25\n",
    "row 1: '0,502' may hold decimal commas or whole numbers; write decimal points, separate columns by semicolons, or name every column in a header",
)
wrong_coordinates(
    "A column that is the same in every row",
    "1 2\n3 2\n5 2\n7 2\n",
    "column 2 is the same in every row; remove it",
)
wrong_coordinates("An empty file", "\n\n", "the file is empty; expected one row per image")
wrong_coordinates(
    "A spreadsheet workbook",
    b"PK\x03\x04" + bytes(40),
    "a workbook or archive, not a text file; save it as CSV",
)
wrong_coordinates(
    "An image without a row",
    "image,a,b\nI_Andesite_1_120,1,2\n",
    "no row for image 'S_Rock Salt_1_120.jpg'; add one or remove the image",
    "120",
)


@handled(COORDINATES, "A named row of another image, where every image of the study has one", "Left out, and said so.")
def check_rows_of_other_images_are_left_out(study: Study) -> None:
    study.coordinates("image,dimension 1,dimension 2\nI_Andesite_1_120,1,2\nS_Rock Salt_1_120,3,4\nghost,5,\n", "120")
    assert study.run().tables["validation"].to_numpy().tolist() == [[1, 2], [3, 4]]


wrong_coordinates(
    "Two rows for one image",
    "image,a,b\nI_Andesite_1_120,1,2\nI_Andesite_1_120,3,4\n",
    "row 3: duplicate row for image 'I_Andesite_1_120', as row 2; keep one row",
    "120",
)
wrong_coordinates(
    "A code for a missing value, such as -999 or 99",
    _table(TRAIN, ["0.5,1", "1.25,2", "-999,3", "2.1,4"]),
    "row 4: '-999' (column 'a') stands apart from all other numbers, as codes of missing values do; leave it out, or write it as -99.9e1 if it is a coordinate",
)
wrong_coordinates(
    "A number with a unit, a bracket or a spread in its cell",
    _table(TRAIN, ["0.5,1", "1.25 cm,2", "3,3", "2.1,4"]),
    "row 3: found '1.25 cm' where a number is expected (a)",
)
wrong_coordinates(
    "A number beyond all coordinates",
    _table(TRAIN, ["1e39,1", "1.25,2", "3,3", "2.1,4"]),
    "row 2: '1e39' is too large for a coordinate (a); at most 1e+30",
)


def damaged_array(what: str, file: str, content: Callable[[], bytes], line: str) -> None:
    """Add a row for a file of arrays in place of a table."""

    @refused(COORDINATES, what, line)
    def write_array(study: Study) -> None:
        (ARCHIVE / file).write_bytes(content())
        study.config["dataset"]["splits"]["train"]["coordinates"] = file


def npy_of(shape: tuple[int, ...]) -> bytes:
    """The start of an array of this shape, without its numbers."""
    start = io.BytesIO()
    np.lib.format.write_array_header_1_0(start, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return start.getvalue()


def zeros_in_zip(count: int) -> bytes:
    """A small ``.npz`` file with very many zeros."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.npy", npy_of((count, 1)) + bytes(8 * count))
    return packed.getvalue()


damaged_array(
    "An array said to be larger than any memory",
    "mds.npy",
    lambda: npy_of((10**9, 10**9)),
    "results/rocks/raw/mds.npy: cannot be read as a .npy file (...); save it again",
)


def npy(*arrays: np.ndarray) -> bytes:
    """The content of a ``.npy`` file, with further arrays behind the first."""
    content = io.BytesIO()
    for array in arrays:
        np.save(content, array)
    return content.getvalue()


def npz(*names: str) -> bytes:
    """The content of a ``.npz`` file with an array of each name."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file, warnings.catch_warnings(action="ignore"):
        for i, name in enumerate(names):
            file.writestr(f"{name}.npy", npy(np.arange(8.0).reshape(4, 2) + i))
    return content.getvalue()


damaged_array(
    "Two arrays one behind the other in a `.npy` file",
    "mds.npy",
    lambda: npy(np.eye(4, 2), np.ones((4, 2))),
    "results/rocks/raw/mds.npy: cannot be read as a .npy file (something follows its array); save it again",
)
damaged_array(
    "Two arrays of one name in a `.npz` file",
    "mds.npz",
    lambda: npz("a", "a"),
    "results/rocks/raw/mds.npz: cannot be read as a .npz file (two of its arrays have the same name); save it again",
)
damaged_array(
    "An image twice in a JSON file",
    "mds.json",
    lambda: b'{"I_Andesite_01": [1, 2], "I_Andesite_02": [3, 4], "I_Andesite_01": [5, 6]}',
    "results/rocks/raw/mds.json: 'I_Andesite_01' is given twice; keep one",
)
damaged_array(
    "A decompression bomb: zeros in a small `.npz` file",
    "mds.npz",
    lambda: zeros_in_zip(30_000_000),
    "results/rocks/raw/mds.npz: its content takes 240,000,... bytes; at most 8,000,000,000 are read, and 200 times those of the file",
)


def zeros_in_matlab() -> bytes:
    """A small ``.mat`` file with very many zeros."""
    content = io.BytesIO()
    scipy.io.savemat(content, {"Y": np.zeros((4, 7_000_000), np.uint8)}, do_compression=True)
    return content.getvalue()


def zeros_in_parquet() -> bytes:
    """A small ``.parquet`` file with very many zeros."""
    content = io.BytesIO()
    pd.DataFrame({"a": np.zeros(26_000_000, np.float32)}).to_parquet(content)
    return content.getvalue()


damaged_array(
    "The same as a `.mat` file",
    "mds.mat",
    zeros_in_matlab,
    "results/rocks/raw/mds.mat: its content takes 224,000,000 bytes; at most 8,000,000,000 are read, and 200 times those of the file",
)
damaged_array(
    "The same as a `.parquet` file",
    "mds.parquet",
    zeros_in_parquet,
    "results/rocks/raw/mds.parquet: its content takes 208,000,000 bytes; at most 8,000,000,000 are read, and 200 times those of the file",
)


def nested_in_matlab(*values: object) -> bytes:
    """A small ``.mat`` file with a cell array."""
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    content = io.BytesIO()
    scipy.io.savemat(content, {"Y": cells}, do_compression=True)
    return content.getvalue()


def repeated_in_parquet() -> bytes:
    """A small ``.parquet`` file with a long text in many rows."""
    content, text = io.BytesIO(), pyarrow.array(["x" * 1_000_000])
    rows = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 1000), text)
    pyarrow.parquet.write_table(pyarrow.table({"image": rows}), content)
    return content.getvalue()


def repeated_in_lists_of_parquet() -> bytes:
    """A small ``.parquet`` file with a long text in the lists and in the structures of many rows."""
    content, text = io.BytesIO(), pyarrow.array(["x" * 1_000_000])
    texts = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 500), text)
    lists = pyarrow.ListArray.from_arrays(pyarrow.array(range(0, 501, 5)), texts)
    structures = pyarrow.StructArray.from_arrays([texts.slice(0, 100)], names=["note"])
    table = pyarrow.table({"image": lists, "about": structures})
    pyarrow.parquet.write_table(table, content, store_schema=False)
    return content.getvalue()


def without_width() -> bytes:
    """The start of an array whose very many items take no bytes."""
    start = io.BytesIO()
    np.lib.format.write_array_header_1_0(start, {"descr": "|S0", "fortran_order": False, "shape": (10**12,)})
    return start.getvalue()


damaged_array(
    "The same inside a cell or structure of a `.mat` file",
    "mds.mat",
    lambda: nested_in_matlab(np.zeros((20_000, 12_000), np.uint8), 1.0),
    "results/rocks/raw/mds.mat: its content takes 240,0... bytes; at most 8,000,000,000 are read, and 200 times those of the file",
)
damaged_array(
    "The same as a long text that the rows of a `.parquet` file repeat",
    "mds.parquet",
    repeated_in_parquet,
    "results/rocks/raw/mds.parquet: its content takes 1,000,000,000 bytes; at most 8,000,000,000 are read, and 200 times those of the file",
)
damaged_array(
    "The same inside lists and structures of a `.parquet` file",
    "mds.parquet",
    repeated_in_lists_of_parquet,
    "results/rocks/raw/mds.parquet: its content takes 600,000,000 bytes; at most 8,000,000,000 are read, and 200 times those of the file",
)
damaged_array(
    "Very many items of no bytes in a `.npy` file",
    "mds.npy",
    without_width,
    "results/rocks/raw/mds.npy: its array is 1000000000000 of type |S0; expected numbers, a row for each image",
)
damaged_array(
    "An array in a cell of a `.mat` file",
    "mds.mat",
    lambda: nested_in_matlab(np.eye(2), *"bcd"),
    "results/rocks/raw/mds.mat: column 'Y' seems to name the images, but '[[1. 0.]...' (row 1) is not an image; ...",
)
damaged_array(
    "An array of more columns than a table has",
    "mds.npy",
    lambda: npy(np.random.default_rng(0).normal(size=(4, 20_001))),
    "results/rocks/raw/mds.npy: 4 x 20001 cells are too many for a table of coordinates",
)
damaged_array(
    "A control character in the name of a column",
    "mds.json",
    lambda: json.dumps([{"image": name, "a\x1b[31m": i} for i, name in enumerate(TRAIN)]).encode(),
    "results/rocks/raw/mds.json: a control character in the name of column 'a\\x1b[31m'; rename it",
)
damaged_array(
    "JSON nested without end",
    "mds.json",
    lambda: b"[" * 100_000,
    "results/rocks/raw/mds.json: cannot be read as a .json file (maximum recursion depth exceeded ...); save it again",
)


@refused(
    COORDINATES,
    "A number of 5000 digits",
    "results/rocks/raw/mds_360.txt: row 1: found '1111...'; every coordinate must be finite",
)
def long_number(study: Study) -> None:
    study.coordinates(f"{'1' * 5000} 2\n3 4\n5 6\n7 8\n")


@refused(
    COORDINATES,
    "A run of 100,000 digits that ends in a letter",
    "results/rocks/raw/mds_360.txt: row 1: found '1111...' where a number is expected (column 1)",
)
def digits_and_a_letter(study: Study) -> None:
    study.coordinates(f"{'1' * 100_000}x 2\n3 4\n5 6\n7 8\n")


@refused(
    COORDINATES,
    "A name of 60,000 folders",
    "results/rocks/raw/mds_360.txt: row 5: image 'a/a/...' has ...",
)
def deep_name(study: Study) -> None:
    study.coordinates(_table([*TRAIN[1:], "a/" * 60_000 + "a"], ["1,2", "3,1", "2,5", "4,3"]))


wrong_coordinates(
    "A control character",
    _table(TRAIN, ["1,2", "3,1", "2,5", "4,3\x9b31m"]),
    "row 5: control character '\\x9b'; remove it, or save the file again as UTF-8",
)


@refused(
    COORDINATES,
    "A line without end",
    "results/rocks/raw/mds_360.txt: row 1: longer than 500,000 characters; save so large a table as .npy, .npz or .parquet",
)
def endless_line(study: Study) -> None:
    study.coordinates("1 " * 250_001)


@refused(
    COORDINATES,
    "More columns than a table has",
    "results/rocks/raw/mds_360.txt: row 1: more than 20,000 cells; save so large a table as .npy, .npz or .parquet",
)
def many_columns(study: Study) -> None:
    study.coordinates("\n".join([" ".join("1" * 20_001)] * 4))


@handled(COORDINATES, "Standard deviations, counts or times beside the dimensions", "Left out, and listed as ignored.")
def check_spread_is_left_out(study: Study) -> None:
    study.coordinates(_table(TRAIN, ["1,.1,2,.3", "2,.2,1,.1", "3,.1,5,.2", "4,.3,3,.4"], "image,a,a_sd,b,b_sd"))
    study.coordinates(_table(VALIDATION, ["1,.1,2,.3", "2,.2,1,.1"], "image,a,a_sd,b,b_sd"), "120")
    assert list(study.run().tables["train"]) == ["a", "b"]


@handled(COORDINATES, "Characters that turn the direction of writing, which come with copied paths", "Ignored.")
def check_direction_of_writing(study: Study) -> None:
    study.coordinates(
        _table([f"\u202a{name}\u202c" for name in TRAIN], ["1,2", "2,1", "3,5", "4,3"], "image,\u200fa,\u2067b")
    )
    study.coordinates(_table(VALIDATION, ["1,2", "2,1"], "image,\u200fa,b"), "120")
    assert list(study.run().tables["train"]) == ["a", "b"]


@handled(COORDINATES, "A typographic minus or dash before a number", "Read as a minus.")
def check_a_dash_is_a_minus(study: Study) -> None:
    study.coordinates(_table(TRAIN, ["1,2", "\u22122,1", "\u20133,5", "4,3"]))
    study.coordinates(_table(VALIDATION, ["1,2", "2,1"]), "120")
    assert study.run().tables["train"]["a"].tolist() == [1, -2, -3, 4]


wrong_coordinates(
    "A header without rows",
    "image,a,b\n",
    "row 1: a header without rows; expected one row per image",
    "120",
)


@refused(
    COORDINATES,
    "Fewer names in a second file than rows",
    "results/rocks/raw/names.txt: 3 names for the 4 rows of results/rocks/raw/mds_360.txt, whose order they follow; compare both line by line (...)",
)
def too_few_names(study: Study) -> None:
    (ARCHIVE / "names.txt").write_text("\n".join(TRAIN[:-1]))
    study.config["dataset"]["splits"]["train"]["names"] = "names.txt"


@refused(
    COORDINATES,
    "Two matrices in a `.mat` file",
    "results/rocks/raw/mds.mat: several matrices, D (4 x 4), Y (4 x 2); name one in config key dataset.columns.variable",
)
def two_matrices(study: Study) -> None:
    scipy.io.savemat(ARCHIVE / "mds.mat", {"D": np.eye(4), "Y": np.arange(8.0).reshape(4, 2)})
    study.config["dataset"]["splits"]["train"]["coordinates"] = "mds.mat"


@refused(
    COORDINATES,
    "A dimension of an image twice in a long table",
    "results/rocks/raw/mds_360.txt: row 4: 'I_Andesite_01' has 'a' twice, as in row 2; average the rows of an image first",
)
def a_dimension_twice(study: Study) -> None:
    study.coordinates("image,dimension,value\nI_Andesite_01,a,1.5\nI_Andesite_01,b,2\nI_Andesite_01,a,3\n")
    study.config["dataset"]["columns"] = {"dimension": "dimension", "value": "value"}


wrong_coordinates(
    "A name that matches no image",
    "image,a,b\nI_Andesite,1.5,2\nS_Rock Salt_1_120,3,4\n",
    "row 2: image 'I_Andesite' has a row but no file; remove the row or add the image (images have names such as 'I_Andesite_1_120.jpg')",
    "120",
)
wrong_coordinates(
    "A square matrix of dissimilarities",
    "0 1 2 3\n1 0 4 5\n2 4 0 6\n3 5 6 0\n",
    "a symmetric matrix of 4 x 4 (dis)similarities, not coordinates; scale it to a few dimensions first (multidimensional scaling), one row per image",
)
wrong_coordinates(
    "Numbers that match no image",
    "id,a,b\n301,1.5,2\n302,3,4\n303,5,6\n304,7,8\n",
    "column 'id' seems to name the images, but '301' (row 2) is not an image; images have names such as 'I_Andesite_01.jpg'",
)


@refused(
    COORDINATES,
    "Rows without names, where two orders are equally plausible",
    "results/rocks/raw/mds_360.txt: row 2 without a name may be '360 Rocks/I_Andesite_10.jpg' (order of file names) or '360 Rocks/I_Andesite_2.jpg' (natural order of paths); name the images in a column, or set dataset.order to name, natural or path",
)
def doubtful_order(study: Study) -> None:
    for old, new in zip(TRAIN, ("I_Andesite_1", "I_Andesite_2", "I_Andesite_10", "S_Rock Salt_1"), strict=True):
        study.rename(old, f"{new}.jpg")


@refused(
    COORDINATES,
    "Different dimensions in the two splits",
    "the splits have different dimensions: mds_360.txt has dimension 1, dimension 2, mds_120.txt dimension 1, dimension 2, dimension 3",
)
def different_dimensions(study: Study) -> None:
    study.coordinates("1 2 3\n3 4 5\n", "120")


def same_coordinates(what: str, content: str | bytes, how: str) -> None:
    """Add a row for another way to write the same numbers."""

    @handled(COORDINATES, what, how)
    def write(study: Study) -> None:
        study.coordinates(content)
        table = study.run().tables["train"]
        np.testing.assert_array_equal(table.to_numpy(), [[1.5, 2], [3, 4], [-5, 0.6], [7, 8]])


same_coordinates(
    "A byte order mark and Windows line endings",
    b"\xef\xbb\xbf1.5 2\r\n3 4\r\n-5 6e-1\r\n7 8\r\n",
    "Ignored.",
)
same_coordinates(
    "UTF-16, as some spreadsheets save", "1.5\t2\n3\t4\n-5\t6e-1\n7\t8\n".encode("utf-16"), "Read as text."
)
same_coordinates("Another delimiter", "1.5|2\n3|4\n-5|0.6\n7|8\n", "Recognised.")
same_coordinates("Decimal commas between white space", "1,5 2\n3 4\n-5 6e-1\n7 8,0\n", "Read as decimal points.")
same_coordinates("Decimal commas between semicolons", "1,5;2\n3;4\n-5;0,6\n7;8\n", "Read as decimal points.")
same_coordinates("Empty lines and ragged white space", "\n  1.5\t2  \n\n3    4\n-5 6e-1\n7 8\n\n\n", "Ignored.")

WEIGHTS = "Weights and layers"
BACKBONE = "mobilenet_v3_small"


def built(weights: Path | None = None, **options: Any) -> Any:
    from rockspace.networks.backbones import build

    return build(options.pop("backbone", BACKBONE), image_size=32, weights=weights, **options)


def bad_weights(what: str, line: str) -> Callable:
    """Add a row for a weights file, which the function writes."""

    def add(write: Callable[[Path], None]) -> Callable:
        def act(_: Study) -> None:
            write(Path("mine.weights.h5"))
            built(Path("mine.weights.h5"))

        TABLE.append(BadInput(WEIGHTS, what, f"mine.weights.h5: {line}", True, act))
        return write

    return add


@bad_weights("A pickle", "not a Keras weights file (.weights.h5); save one with model.save_weights")
def pickled_weights(path: Path) -> None:
    pd.to_pickle({"weights": [1, 2]}, path)


@bad_weights("A truncated file", "damaged or truncated (...); download the file again")
def cut_weights(path: Path) -> None:
    built().save_weights(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@bad_weights(
    "Weights of another network",
    "weights do not fit MobileNetV3Small up to ...: layer 'conv' needs ..., the file holds ...; check backbone and output_layer",
)
def weights_of_another_network(path: Path) -> None:
    import keras

    inputs = keras.Input([4])
    keras.Model(inputs, keras.layers.Dense(3)(inputs)).save_weights(path)


@bad_weights(
    "Weights of a wrong shape",
    "weights do not fit MobileNetV3Small up to ...: layer 'conv' needs ..., the file holds ...; check backbone and output_layer",
)
def weights_of_a_wrong_shape(path: Path) -> None:
    import h5py

    built().save_weights(path)
    with h5py.File(path, "r+") as file:
        name = next(name for name in _datasets(file) if file[name].ndim == 4)
        values = np.zeros((1, 1, *file[name].shape[2:]))
        del file[name]
        file[name] = values


@bad_weights("NaN among the weights", "the weights of layer 'conv' contain NaN or infinity; use another file")
def weights_with_nan(path: Path) -> None:
    network = built()
    layer = network.get_layer("conv")
    layer.set_weights([np.full_like(layer.get_weights()[0], np.nan)])
    network.save_weights(path)


def _datasets(file: Any) -> list[str]:
    import h5py

    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def bad_network(what: str, line: str) -> Callable:
    """Add a row for something that a network is asked for."""

    def add(ask: Callable[[], Any]) -> Callable:
        TABLE.append(BadInput(WEIGHTS, what, line, True, lambda _: ask()))
        return ask

    return add


@bad_network("An unknown backbone", "config: models: backbone: 'resnet5O' is unknown; did you mean ...?")
def unknown_backbone() -> None:
    built(backbone="resnet5O")


@bad_network(
    "An unknown layer to cut at",
    "config: models: output_layer: mobilenet_v3_small has no layer 'conv9'; similar ones: ...",
)
def unknown_output_layer() -> None:
    built(output_layer="conv9")


@bad_network(
    "An unknown layer to start training from",
    "config: finetune.from_layer: mobilenet_v3_small has no layer 'conv9'; similar ones: ...",
)
def unknown_from_layer() -> None:
    from rockspace.training.finetune import set_trainable

    set_trainable(built(), "conv9")


@bad_network("An unknown layer to embed", "config: embeddings.layers: ... 'conv9'...")
def unknown_layer_to_embed() -> None:
    from rockspace.inference.prediction import one_pass_model

    one_pass_model(built(), ["conv9"], "mean")


@bad_network("Images too small for a backbone", "image_size: 32 does not suit inception_v3: ...")
def image_too_small() -> None:
    built(backbone="inception_v3")


def fetched(backbone: str) -> None:
    from rockspace.networks.hub import fetch

    fetch(backbone, Path("tower.weights.h5"))


@bad_network(
    "An unknown preset of KerasHub",
    "keras_hub:dinov2_bsae: KerasHub has no such preset, and there is no such folder; did you mean ...?",
)
def unknown_preset() -> None:
    fetched("keras_hub:dinov2_bsae")


@bad_network(
    "A preset of KerasHub that is no vision transformer",
    "keras_hub:resnet_50_imagenet: of KerasHub, vision transformers can be backbones; convolutional networks have the names of keras.applications, such as resnet50",
)
def preset_of_another_kind() -> None:
    fetched("keras_hub:resnet_50_imagenet")


@bad_network(
    "A folder that holds no preset of KerasHub",
    "keras_hub:folder: the preset cannot be loaded: the folder has no config.json",
)
def folder_without_a_preset() -> None:
    Path("folder").mkdir()
    fetched("keras_hub:folder")


@bad_network(
    "Weights of another kind for a preset of KerasHub",
    "mine.weights.h5: no weights of a preset of KerasHub; leave out models: weights",
)
def other_weights_for_a_preset() -> None:
    from rockspace.networks.hub import build

    built().save_weights("mine.weights.h5")
    build("keras_hub:dinov2_base", image_size=28, weights=Path("mine.weights.h5"))


NETWORKS = "Networks and embeddings from elsewhere"


def odd_model(what: str, line: str, **keys: Any) -> None:
    """Add a row for a model of a kind that its keys do not suit."""

    @refused(NETWORKS, what, line)
    def set_model(study: Study) -> None:
        study.config["models"] = [{"name": "mine", **keys}]


odd_model(
    "A `.keras` or `.onnx` file without `preprocessing`",
    'config: models[0].preprocessing: found null; allowed for a .keras file: "unit", "none", "tf", "torch", "caffe"',
    backbone="mine.keras",
)
odd_model(
    "Training of an `.onnx` file",
    'config: models[0].objective: found "classification"; allowed for an .onnx file: "none"',
    backbone="mine.onnx",
    preprocessing="torch",
    objective="classification",
)
odd_model(
    "A checkpoint of PyTorch",
    "config: models: backbone: 'mine.pth' is no .keras or .onnx file; export the network with torch.onnx.export, and give the .onnx file",
    backbone="mine.pth",
)
odd_model(
    "Both a backbone and ready embeddings",
    "config: models[0]: found both of backbone and embeddings; allowed: one of them",
    backbone="resnet50",
    embeddings="clip.npz",
)


def bad_embeddings(what: str, line: str) -> Callable:
    """Add a row for ready embeddings of the images; the function changes names and values before they are written."""

    def add(damage: Callable[[list[str], np.ndarray], tuple[list[str], np.ndarray]]) -> Callable:
        def act(study: Study) -> None:
            from rockspace.data.row_names import read_matrix

            images = [f"360 Rocks/{name}.jpg" for name in TRAIN]
            names, values = damage([*TRAIN], np.arange(3.0 * len(TRAIN)).reshape(-1, 3))
            np.savez("clip.npz", names=np.array(names), features=values)
            read_matrix(Path("clip.npz"), images)

        TABLE.append(BadInput(NETWORKS, what, line, True, act))
        return damage

    return add


@bad_embeddings(
    "Ready embeddings without a row for an image",
    "clip.npz: no row for image 'S_Rock Salt_02.jpg'; add one or remove the image",
)
def missing_embedding(names: list[str], values: np.ndarray) -> tuple[list[str], np.ndarray]:
    return names[:-1], values[:-1]


@bad_embeddings(
    "Two rows of ready embeddings for one image",
    "clip.npz: row 2: duplicate row for image 'I_Andesite_01', as row 1; keep one row",
)
def double_embedding(names: list[str], values: np.ndarray) -> tuple[list[str], np.ndarray]:
    return [names[0], names[0], *names[1:]], np.vstack([values[:1], values])


@bad_embeddings(
    "A number in ready embeddings that is missing",
    "clip.npz: row 3, of '360 Rocks/S_Rock Salt_01.jpg': a number that is missing or not finite; every image needs a whole row",
)
def broken_embedding(names: list[str], values: np.ndarray) -> tuple[list[str], np.ndarray]:
    values[2, 1] = np.nan
    return names, values


@bad_embeddings(
    "Ready embeddings of other images",
    "clip.npz: column 'names' seems to name the images, but 'imagenet_0' (row 1) is not an image; images have names such as 'I_Andesite_01.jpg'",
)
def foreign_embeddings(names: list[str], values: np.ndarray) -> tuple[list[str], np.ndarray]:
    return [f"imagenet_{i}" for i in range(len(names))], values


@bad_embeddings(
    "Ready embeddings for each token of an image",
    "clip.npz: variable 'features' is 4 x 3 x 2 of type float64; expected numbers, a row for each image",
)
def embeddings_of_tokens(names: list[str], values: np.ndarray) -> tuple[list[str], np.ndarray]:
    return names, np.zeros((len(names), 3, 2))


if __name__ == "__main__":
    print(page(), end="")
