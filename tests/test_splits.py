"""Training and validation images: given apart, named by one table, or drawn from one set."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from rockspace.config import validated
from rockspace.data.restructuring import build_catalog, restructure
from rockspace.errors import RockspaceError
from rockspace.people.individuals import individual_coordinates
from rockspace.people.reading import people_coordinates
from workflow_runs import ROOT

LABELS = ("cat", "dog", "owl")
NAMES = [f"{label}_{i}.png" for label in LABELS for i in range(8)]


def dataset(filename: str = r"(?P<label>[a-z]+)_\d+\.png", **splits: dict) -> dict:
    return {"filename": filename, "dimensions": [], "splits": splits}


ONE_SET = {"images": "*.png", "coordinates": "coordinates.csv"}
DRAWN = dataset(train=ONE_SET, validation={"fraction": 0.25, "seed": 0})


def images(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(folder / name)


def coordinates(names: list[str]) -> pd.DataFrame:
    """Coordinates that tell which image they belong to."""
    parts = [Path(name).stem.split("_") for name in names]
    values = [[LABELS.index(label) - int(number) / 7, int(number) / 3 + 0.1] for label, number in parts]
    return pd.DataFrame(values, index=names, columns=["hue", "size"], dtype=float)


@pytest.fixture
def folder(tmp_path) -> Path:
    images(tmp_path, NAMES)
    coordinates(NAMES).to_csv(tmp_path / "coordinates.csv", header=False, index=False)
    return tmp_path


def assert_each_has_its_own_coordinates(catalog: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> None:
    table = pd.concat([tables["train"], tables["validation"]])
    assert table.index.tolist() == catalog["image_id"].tolist()
    np.testing.assert_array_equal(table, coordinates(catalog["image_id"].tolist()))


def test_a_fraction_of_one_set_validates_and_every_label_gives_its_share(folder):
    catalog = build_catalog(folder, DRAWN)
    tables, _ = people_coordinates(folder, DRAWN, catalog)
    counts = catalog.groupby(["split", "label"]).size()
    assert counts.xs("train").tolist() == [6, 6, 6]
    assert counts.xs("validation").tolist() == [2, 2, 2]
    assert catalog["split"].tolist() == ["train"] * 18 + ["validation"] * 6
    assert_each_has_its_own_coordinates(catalog, tables)
    restructure(folder, catalog, folder / "images")
    assert all((folder / path).is_file() for path in catalog["path"])


def test_the_draw_repeats_with_its_seed_and_changes_with_it(folder):
    def drawn(seed: int) -> list[str]:
        catalog = build_catalog(folder, dataset(train=ONE_SET, validation={"fraction": 0.25, "seed": seed}))
        return catalog["image_id"].tolist()

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_a_fraction_too_small_for_every_label_says_so(folder):
    with pytest.raises(RockspaceError, match=r"splits.validation.fraction: 0.05 of 24 images .* each of the 3 labels"):
        build_catalog(folder, dataset(train=ONE_SET, validation={"fraction": 0.05, "seed": 0}))


def test_one_table_may_name_the_images_of_both_splits(tmp_path):
    names = [f"{'val' if i % 4 == 0 else 'train'}/{name}" for i, name in enumerate(NAMES)]
    images(tmp_path, names)
    table = coordinates(names).sample(frac=1, random_state=0)
    given = {
        split: {"images": f"{folder}/*.png", "coordinates": "all.csv"}
        for split, folder in (("train", "train"), ("validation", "val"))
    }
    for index in (table.index, table.index.map(lambda name: Path(name).name), table.index.map(lambda n: Path(n).stem)):
        table.set_axis(index).to_csv(tmp_path / "all.csv", index_label="image")
        catalog = build_catalog(tmp_path, dataset(**given))
        tables, _ = people_coordinates(tmp_path, dataset(**given), catalog)
        assert catalog["split"].value_counts().to_dict() == {"train": 18, "validation": 6}
        assert_each_has_its_own_coordinates(catalog, tables)
    table.loc["ghost"] = 0
    table.to_csv(tmp_path / "all.csv", index_label="image")
    tables, (reading,) = people_coordinates(tmp_path, dataset(**given), catalog)
    assert_each_has_its_own_coordinates(catalog, tables)
    assert reading.pairing.how == "column 'image' names the images (rows of no image are left out: ghost)"
    table.drop(names[0]).to_csv(tmp_path / "all.csv", index_label="image")
    with pytest.raises(RockspaceError, match="image 'ghost' has a row but no file"):
        people_coordinates(tmp_path, dataset(**given), catalog)


def test_a_pattern_with_a_slash_takes_the_label_from_the_folder(tmp_path):
    names = [f"{name.split('_')[0]}s/{name}" for name in NAMES]
    images(tmp_path / "photos", names)
    coordinates(names).to_csv(tmp_path / "coordinates.csv")
    given = dataset(
        r".*/(?P<label>[^/]+)s/[^/]+",
        train={"images": "photos/*/*.png", "coordinates": "coordinates.csv"},
        validation={"fraction": 0.5, "seed": 0},
    )
    catalog = build_catalog(tmp_path, given)
    tables, _ = people_coordinates(tmp_path, given, catalog)
    assert sorted(catalog["label"].unique()) == list(LABELS)
    assert_each_has_its_own_coordinates(catalog, tables)


def test_single_peoples_coordinates_of_one_set_are_divided_as_the_images_are(folder):
    (folder / "people").mkdir()
    shuffled = coordinates(NAMES).sample(frac=1, random_state=0)
    shuffled.to_csv(folder / "people/named.csv")
    (coordinates(NAMES) + 1).to_csv(folder / "people/bare.csv", index=False)
    people = {"individual": "people/*.csv"}
    given = dataset(train=ONE_SET | people, validation={"fraction": 0.25, "seed": 0} | people)
    catalog = build_catalog(folder, given)
    for split in ("train", "validation"):
        table = individual_coordinates(folder, given, catalog, split, ["hue", "size"])
        for name, person in table.groupby("individual"):
            expected = coordinates(catalog.loc[catalog["split"] == split, "image_id"].tolist())
            np.testing.assert_array_equal(person[["hue", "size"]], expected + (name == "bare"))


PER_LABEL = [name for name in NAMES if name[-5] in "67"]


def given_list(folder: Path, header: str = "", form: str = "{}") -> dict:
    (folder / "held out.txt").write_text(header + "".join(f"{form.format(name)}\n" for name in PER_LABEL))
    return {"list": "held out.txt"}


def given_column(
    folder: Path, words: tuple[str, str] = ("train", "validation"), table: str = "coordinates.csv"
) -> dict:
    own = coordinates(NAMES).assign(split=[words[name in PER_LABEL] for name in NAMES], label=[n[:3] for n in NAMES])
    own.sample(frac=1, random_state=0).to_csv(folder / table, index_label="image")
    return {"column": "split"}


RULES = {
    "list": given_list,
    "list with a header": lambda folder: given_list(folder, "filename\n"),
    "list of paths": lambda folder: given_list(folder, form="C:\\data\\{}"),
    "list as a table": lambda folder: given_list(folder, "nr,image\n", "3.5,{}"),
    "tokens": lambda _: {"tokens": "6-7"},
    "single tokens": lambda _: {"tokens": "7, 6"},
    "column": given_column,
    **{
        f"column of {words}": lambda folder, words=words: given_column(folder, words)
        for words in (("Training", "Test"), ("TRAIN", "held-out"), ("training set", "val"), ("train", "dev"))
    },
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("labels", ["names", "none"])
def test_a_rule_picks_the_validation_images(folder, rule, labels):
    given = dataset(r"(?P<label>[a-z]+)_(?P<token>\d+)\.png", train=ONE_SET, validation=RULES[rule](folder))
    given = validated_dataset(given | {"labels": labels})
    catalog = build_catalog(folder, given)
    tables, _ = people_coordinates(folder, given, catalog)
    assert sorted(catalog.loc[catalog["split"] == "validation", "file"]) == sorted(PER_LABEL)
    assert len(catalog) == len(NAMES)
    assert_each_has_its_own_coordinates(catalog, tables)


def test_a_column_of_splits_may_stand_in_the_table_of_labels(folder):
    validation = given_column(folder, table="kinds.csv")
    coordinates(NAMES).to_csv(folder / "coordinates.csv", index_label="image")
    given = dataset(train=ONE_SET | {"labels": "kinds.csv"}, validation=validation) | {"columns": {"label": "label"}}
    catalog = build_catalog(folder, validated_dataset(given))
    assert sorted(catalog.loc[catalog["split"] == "validation", "file"]) == sorted(PER_LABEL)


@pytest.mark.parametrize("rule", [{"fraction": 0.25}, {"list": "val.csv"}])
@pytest.mark.parametrize("labels", ["names", "none", "table"])
def test_a_list_says_which_images_train_and_others_are_not_used(tmp_path, rule, labels):
    images(tmp_path, NAMES)
    given_column(tmp_path)
    (tmp_path / "train.csv").write_text("image\n" + "".join(f"{name}\n" for name in NAMES if name[-5] in "0123"))
    (tmp_path / "val.csv").write_text("image\n" + "".join(f"{name}\n" for name in PER_LABEL))
    given = dataset(train=ONE_SET | {"list": "train.csv"}, validation=rule)
    given |= {
        "labels": labels,
        "dimensions": ["hue", "size"],
        "columns": {"label": "label"} if labels == "table" else {},
    }
    catalog = build_catalog(tmp_path, validated_dataset(given))
    tables, _ = people_coordinates(tmp_path, validated_dataset(given), catalog)
    listed = {name for name in NAMES if name[-5] in ("0123" if "fraction" in rule else "012367")}
    assert set(catalog["file"]) == listed
    assert_each_has_its_own_coordinates(catalog, tables)


def test_several_patterns_of_one_split(tmp_path):
    names = [*NAMES[:8], *(f"more/{name[:-4]}.jpg" for name in NAMES[8:])]
    images(tmp_path, names)
    coordinates(names).to_csv(tmp_path / "coordinates.csv", index_label="image")
    train = ONE_SET | {"images": ["*.png", "more/*.jpg", "more/dog*"]}
    given = validated_dataset(dataset(r"(?P<label>[a-z]+)_\d+\..*", train=train, validation={"fraction": 0.25}))
    assert sorted(build_catalog(tmp_path, given)["file"]) == sorted(names)
    given["splits"]["train"]["images"] = ["*.png", "mroe/*.jpg"]
    with pytest.raises(RockspaceError, match=r"no image matches 'mroe/\*\.jpg'"):
        build_catalog(tmp_path, given)


@pytest.mark.parametrize(
    ("validation", "expected"),
    [
        ({"tokens": "90-99"}, "found '90-99'; allowed: some of the tokens in the names, 0 to 7"),
        ({"tokens": "0-7"}, "allowed: some of the tokens"),
        ({"column": "fold"}, r"coordinates.csv: no column 'fold' \(config key dataset.splits.validation.column\)"),
        ({"column": "label"}, "found 'cat' in column 'label', which is no split; write train or validation"),
        ({"column": "three"}, "column 'three' has test, train, val, and a study has two splits"),
        ({"column": "one"}, "'one' leaves no validation image of 24"),
        ({"list": "list.txt"}, "row 2: image 'unicorn' has a row but no file"),
        ({"list": "none.txt"}, "none.txt: the file is empty"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused_in_a_line(folder, validation, expected):
    given_column(folder)
    table = pd.read_csv(folder / "coordinates.csv", index_col="image")
    table.assign(three=["train", "val", "test"] * 8, one="train").to_csv(folder / "coordinates.csv")
    (folder / "list.txt").write_text("cat_0\nunicorn\n")
    (folder / "none.txt").write_text("\n")
    given = dataset(r"(?P<label>[a-z]+)_(?P<token>\d+)\.png", train=ONE_SET, validation=validation)
    with pytest.raises(RockspaceError, match=expected) as error:
        build_catalog(folder, validated_dataset(given))
    assert "\n" not in str(error.value)


def test_an_image_in_both_lists_is_refused(folder):
    (folder / "train.txt").write_text("\n".join(NAMES))
    given = dataset(train=ONE_SET | {"list": "train.txt"}, validation=given_list(folder))
    with pytest.raises(RockspaceError, match=r"'cat_6.png' is in train.txt too \(6 such images\)"):
        build_catalog(folder, validated_dataset(given))


def validated_dataset(given: dict) -> dict:
    """The section with all defaults, as the stages get it."""
    config = {"study": "a", "models": [{"name": "a", "backbone": "resnet50", "objective": "none"}]}
    return validated(config | {"dataset": given | {"source": "directory", "directory": "."}})["dataset"]


def with_validation(validation: dict | None) -> dict:
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    config["dataset"]["splits"]["train"]["individual"] = "people/*.txt"
    config["dataset"]["splits"]["validation"] = validation
    return config


def test_a_fraction_wins_over_the_files_that_the_default_names_and_takes_the_people_along():
    rocks = {"images": "120 Rocks/*.jpg", "coordinates": "mds_120.txt"}
    filled = validated(with_validation(rocks | {"fraction": 0.2}))["dataset"]["splits"]["validation"]
    assert filled == {"fraction": 0.2, "seed": 0, "individual": "people/*.txt"}
    assert validated(with_validation(rocks | {"fraction": None}))["dataset"]["splits"]["validation"] == rocks


def test_two_rules_are_refused_and_one_that_another_file_sets_to_null_is_none():
    rocks = {"images": "120 Rocks/*.jpg", "coordinates": "mds_120.txt"}
    with pytest.raises(
        RockspaceError, match="found fraction and tokens; allowed: one of fraction, list, tokens, column"
    ):
        validated(with_validation(rocks | {"fraction": 0.2, "tokens": "1-4"}))
    filled = validated(with_validation(rocks | {"fraction": None, "tokens": "1-4"}))["dataset"]["splits"]["validation"]
    assert filled == {"tokens": "1-4", "individual": "people/*.txt"}


def test_no_validation_images_is_an_error_that_says_what_to_do():
    with pytest.raises(RockspaceError, match=r"validation.images: missing; .* 'validation: \{fraction: 0.25\}'"):
        validated(with_validation({}))


def test_an_image_of_both_splits_is_refused(folder):
    both = dataset(train=ONE_SET, validation=ONE_SET | {"images": f"{NAMES[0][:3]}*.png"})
    with pytest.raises(RockspaceError, match=r"\.png is a training image and a validation image \(\d+ such images\)"):
        build_catalog(folder, both)
