"""The published choices of 133 people, where the files are at hand, and the figures that were computed from them.

``ROCKSPACE_PEOPLE`` names a folder with the trials in ``choices-120/``, one file a person, and the joint solution in
``joint_mds_480.csv`` and ``joint_mds_480_images.csv``; ``ROCKSPACE_ROCKS`` one with the archive (``120 Rocks/``, ``mds_120.txt``).
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import yaml

from rockspace.choices.ceilings import ceilings
from rockspace.choices.experiment import build_experiment
from rockspace.choices.human_choices import ChoiceSpace, Variant, choice_report
from rockspace.config import laid_over, validated
from rockspace.data.restructuring import build_catalog
from rockspace.people.choices import read_choices
from rockspace.people.conditions import choice_files
from rockspace.people.reading import read_coordinates
from tools.joint_coordinates import joint_coordinates

ROOT = Path(__file__).parents[1]
RECORDED = json.loads((ROOT / "tests/reference/rocks_choices.json").read_text())
FOLDERS = [os.environ.get(name, "") for name in ("ROCKSPACE_PEOPLE", "ROCKSPACE_ROCKS")]
with_files = pytest.mark.skipif(
    not all(FOLDERS), reason="the published files are not at hand (ROCKSPACE_PEOPLE, ROCKSPACE_ROCKS)"
)


@pytest.fixture(scope="module")
def study():
    """The configuration of config/rocks-people.yaml, the catalog, and what was read by it."""
    people, rocks = map(Path, FOLDERS)
    default, own = (yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()) for name in ("config", "rocks-people"))
    # Of the further spaces, only people's are at hand here.
    own["choices"] |= {"files": [str(people / "choices-120/*.txt")], "spaces": []}
    config = validated(laid_over(default, own))
    catalog = build_catalog(rocks, config["dataset"])
    choices = read_choices(
        choice_files(config["choices"]["files"]), catalog, config["choices"], config["dataset"]["filename"]
    )
    return config, catalog, choices


def experiment_of(study):
    _, catalog, choices = study
    conditions = {name: vars(condition) for name, condition in choices.conditions.items()}
    return build_experiment(choices.responses, conditions, choices.studied, catalog, "validation")


def published(catalog) -> ChoiceSpace:
    images = catalog.loc[catalog["split"] == "validation"]
    table = read_coordinates(Path(FOLDERS[1]) / "mds_120.txt", images["file"].tolist()).table
    return ChoiceSpace("mds_120", list(table), images["image_id"].to_numpy(str), table.to_numpy())


def joint(catalog) -> ChoiceSpace:
    folder = Path(FOLDERS[0])
    table = joint_coordinates(folder / "joint_mds_480.csv", folder / "joint_mds_480_images.csv", Path(FOLDERS[1]))
    id_of = catalog.set_index("file")["image_id"]
    places = table.drop(columns="image")
    return ChoiceSpace("joint", list(places), id_of[table["image"]].to_numpy(str), places.to_numpy())


@with_files
def test_the_filters_leave_the_responses_that_the_authors_analysed(study):
    _, _, choices = study
    assert choices.responses["count"].sum() == RECORDED["n_responses"]
    assert choices.responses["person"].nunique() == RECORDED["people"]
    assert any(note.startswith(f"left out: {RECORDED['left_out']} of 133 people") for note in choices.notes)
    assert len(choices.studied) == 48
    found = ceilings(experiment_of(study))
    assert found["chance"] == pytest.approx(RECORDED["chance"], abs=1e-3)
    assert found["saturated"] == pytest.approx(RECORDED["saturated"], abs=1e-3)
    assert found["person"]["log_likelihood"] == pytest.approx(RECORDED["person"], abs=0.1)
    assert found["split_half"]["r"] == pytest.approx(RECORDED["split_half_r"], abs=1e-3)


@with_files
@pytest.mark.parametrize("name", ["mds_120", "joint"])
def test_the_published_fits_are_found_again(study, name):
    config, catalog, _ = study
    space = {"mds_120": published, "joint": joint}[name](catalog)
    variants = [Variant.of(each) for each in config["choices"]["variants"] if each["name"] in RECORDED[name]]
    figures, _ = choice_report(space, experiment_of(study), variants, resamples=2, seed=0)
    assert list(figures["models"]) == list(RECORDED[name])
    for variant, recorded in RECORDED[name].items():
        model = figures["models"][variant]
        assert model["in_sample"]["log_likelihood"] == pytest.approx(recorded["log_likelihood"], abs=1e-3)
        assert model["n_parameters"] == recorded["n_parameters"]
        for each in model["parameters"]:
            if each["name"] in recorded:
                assert each["value"] == pytest.approx(recorded[each["name"]], abs=1e-3)


@with_files
def test_the_joint_solution_is_of_the_same_photographs(study):
    _, catalog, _ = study
    space, own = joint(catalog), published(catalog)
    assert sorted(space.image_id) == sorted(catalog["image_id"])
    lightness = [space.place_of[image][0] for image in own.image_id]
    assert np.corrcoef(lightness, own.places[:, 0])[0, 1] == pytest.approx(0.963, abs=1e-3)


@with_files
def test_the_dimensions_of_the_joint_solution_are_named_after_those_of_the_360_that_they_are_most_like(study):
    config, catalog, _ = study
    images = catalog.loc[catalog["split"] == "train"]
    dimensions = config["dataset"]["dimensions"]
    own = read_coordinates(Path(FOLDERS[1]) / "mds_360.txt", images["file"].tolist(), dimensions=dimensions).table
    space = joint(catalog)
    places = np.array([space.place_of[image] for image in images["image_id"]])
    likeness = abs(np.corrcoef(own.T, places.T)[: own.shape[1], own.shape[1] :])
    assert [list(own)[i] for i in likeness.argmax(axis=0)] == space.dimensions


@with_files
def test_how_often_people_named_new_images_rightly(study):
    config, catalog, choices = study
    of_all = read_choices(
        choice_files(config["choices"]["files"]),
        catalog,
        config["choices"] | {"least_accuracy": 0},
        config["dataset"]["filename"],
    )
    for table, recorded in ((choices, "new_images_right"), (of_all, "new_images_right_of_all_133")):
        new = table.responses[~table.responses["image_id"].isin(table.studied["image_id"])]
        right = new["count"] * (new["label"] == new["category"])
        shares = right.groupby(new["condition"]).sum() / new.groupby("condition")["count"].sum()
        assert shares.to_dict() == pytest.approx(RECORDED[recorded], abs=1e-3)


def test_the_recorded_figures_agree_with_each_other_and_with_the_page():
    """Sums alone: what they say of each other, and what docs/human-choices.md quotes."""
    assert RECORDED["chance"] == pytest.approx(-RECORDED["n_responses"] * np.log(10), abs=1e-3)
    page = (ROOT / "docs/human-choices.md").read_text()
    for name in ("mds_120", "joint"):
        fits = list(RECORDED[name].values())
        likelihoods = [fit["log_likelihood"] for fit in fits]
        assert likelihoods == sorted(likelihoods)  # each variant has the one before it as a special case
        assert RECORDED["chance"] < likelihoods[0] < likelihoods[-1] < RECORDED["person"] < RECORDED["saturated"]
        for fit in fits:
            assert f"{-fit['log_likelihood']:,.1f}" in page
    for quoted in (RECORDED["chance"], RECORDED["saturated"], RECORDED["person"]):
        assert f"{-quoted:,.0f}" in page
