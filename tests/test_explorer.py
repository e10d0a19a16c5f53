"""What the explorer is told about a study, its photographs, and the page that they become."""

import base64
import dataclasses
import hashlib
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import cdist

from explorer_study import DIMENSIONS, SPLITS, write_study
from rockspace.alignment.spaces import read_spaces
from rockspace.alignment.statistics import UNITS
from rockspace.data.catalog import read_catalog
from rockspace.errors import RockspaceError
from rockspace.report.explorer.page import LIBRARY, explorer_page
from rockspace.report.explorer.photographs import embed_photographs, photograph_side
from rockspace.report.explorer.study import NEIGHBOURS, describe_study, opening_run

HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def runs(folder):
    return write_study(
        folder, labels=["NA", "007", HOSTILE, "d"], superclasses=list("AABB"), train=8, validation=5,
        runs=[("first", 0, "penultimate"), ("second", 3, "early")],
    )  # fmt: skip


@pytest.fixture(scope="module")
def catalog(folder, runs):
    return read_catalog(folder / "catalog.csv")


def coordinates(folder):
    return {split: folder / f"coordinates/{split}.csv" for split in SPLITS}


@pytest.fixture(scope="module")
def study(folder, runs, catalog):
    return describe_study(catalog, coordinates(folder), runs, reflection=True, metric="euclidean")


def test_people_s_places_are_those_of_the_files(study, folder):
    for split, path in coordinates(folder).items():
        table = pd.read_csv(path, index_col="image_id")
        here = [i for i, s in enumerate(study["images"]["split"]) if study["splits"][s] == split]
        names = [study["images"]["id"][i] for i in here]
        np.testing.assert_allclose(np.array(study["human"]["places"])[here], table.loc[names], atol=1e-4)
    assert study["dimensions"] == DIMENSIONS


def test_validation_images_stand_where_the_aligned_coordinates_put_them(study, runs):
    for run, described in zip(runs, study["runs"], strict=True):
        table = pd.read_csv(run.aligned, keep_default_na=False, dtype={"image_id": str}).set_index("image_id")
        here = [study["images"]["id"].index(name) for name in table.index]
        expected = table[[f"{name} predicted" for name in DIMENSIONS]]
        np.testing.assert_allclose(np.array(described["places"])[here], expected, atol=1e-4)


def test_each_figure_has_its_own_interval_and_chance_and_says_what_the_interval_is_over(study, runs):
    for run, described in zip(runs, study["runs"], strict=True):
        figures = json.loads(run.figures.read_text())
        for part in ("held_out", "in_sample"):
            null = next(figures["permutation"][units] for units in UNITS if figures["permutation"][units])
            assert described["figures"][part] == {
                "value": figures[part]["mean_r"],
                "interval": figures[part]["mean_r_ci_subtypes"],
                "interval_over": "subtypes",
                "chance": null[part]["null_mean_r"],
                # Chance and interval must be over the same.
                "clear": null is figures["permutation"]["subtypes"]
                and null[part]["p_mean_r"] <= 0.05
                and figures[part]["mean_r_ci_subtypes"][0] > null[part]["null_mean_r"],
            }


def test_training_images_stand_where_scipys_rotation_onto_padded_coordinates_puts_them_scaled_by_least_squares(
    study, runs, folder
):
    train = read_spaces(runs[0].embeddings, folder / "coordinates/train.csv", "train")
    centred = train.features - train.features.mean(axis=0)
    target = train.coordinates - train.coordinates.mean(axis=0)
    padded = np.pad(target, ((0, 0), (0, centred.shape[1] - target.shape[1])))
    rotation, _ = orthogonal_procrustes(centred, padded)
    moved = (centred @ rotation)[:, : len(DIMENSIONS)]
    # As validation images are: the features that are turned onto no dimension have no say in the scale.
    (scale,), *_ = np.linalg.lstsq(moved.reshape(-1, 1), target.ravel(), rcond=None)
    expected = moved * scale + train.coordinates.mean(axis=0)
    here = [study["images"]["id"].index(name) for name in train.image_id]
    np.testing.assert_allclose(np.array(study["runs"][0]["places"])[here], expected, atol=1e-4)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation", "cityblock"])
def test_neighbours_are_the_nearest_other_images_of_the_split(folder, runs, catalog, metric):
    described = describe_study(catalog, coordinates(folder), runs[:1], reflection=True, metric=metric)
    for split in SPLITS:
        spaces = read_spaces(runs[0].embeddings, folder / f"coordinates/{split}.csv", split)
        for found, space, distance in (
            (described["runs"][0]["neighbours"], spaces.features, metric),
            (described["human"]["neighbours"], spaces.coordinates, "euclidean"),
        ):
            distances = cdist(space, space, distance)
            np.fill_diagonal(distances, np.inf)
            for row, name in enumerate(spaces.image_id):
                nearest = spaces.image_id[np.argsort(distances[row])[:NEIGHBOURS]].tolist()
                assert [described["images"]["id"][i] for i in found[described["images"]["id"].index(name)]] == nearest


def test_guesses_are_those_of_the_predictions_also_for_labels_that_look_like_numbers_or_nothing(study, runs):
    table = pd.read_csv(runs[0].predictions, dtype=str, keep_default_na=False)
    assert {"NA", "007"} < set(table["predicted"])
    for row in table.itertuples():
        guesses = study["guesses"][0][study["images"]["id"].index(row.image_id)]
        assert [study["labels"][label]["name"] for label, _ in guesses] == [
            row.predicted,
            row.predicted_2,
            row.predicted_3,
        ]
        assert guesses[0][1] == pytest.approx(float(row.probability), abs=1e-3)


def test_the_order_of_images_in_the_embeddings_does_not_matter(study, folder, runs, catalog, tmp_path):
    with np.load(runs[0].embeddings) as file:
        order = np.random.default_rng(1).permutation(len(file["image_id"]))
        np.savez(tmp_path / "shuffled.npz", **{key: file[key][order] for key in file.files})
    shuffled = dataclasses.replace(runs[0], embeddings=tmp_path / "shuffled.npz")
    again = describe_study(catalog, coordinates(folder), [shuffled], reflection=True, metric="euclidean")
    assert again["runs"][0]["neighbours"] == study["runs"][0]["neighbours"]
    np.testing.assert_allclose(again["runs"][0]["places"], study["runs"][0]["places"], atol=2e-4)


def test_a_model_that_guesses_nothing_has_no_guesses(folder, runs, catalog, tmp_path):
    coordinates_alone = tmp_path / "predictions.csv"
    catalog[["image_id", "split", "label"]].to_csv(coordinates_alone, index=False)
    silent = dataclasses.replace(runs[0], predictions=coordinates_alone)
    described = describe_study(catalog, coordinates(folder), [silent, runs[1]], reflection=True, metric="euclidean")
    assert [run["guesses"] for run in described["runs"]] == [None, 0]
    assert len(described["guesses"]) == 1


def test_a_network_without_training_has_no_predictions(folder, runs, catalog):
    untrained = dataclasses.replace(runs[0], model="pretrained", predictions=None)
    described = describe_study(catalog, coordinates(folder), [runs[0], untrained], reflection=True, metric="euclidean")
    assert [run["guesses"] for run in described["runs"]] == [0, None]
    alone = describe_study(catalog, coordinates(folder), [untrained], reflection=True, metric="euclidean")
    assert alone["guesses"] == []


def test_the_first_run_shown_is_the_last_layer_of_the_model_that_is_closest_to_people_baselines_aside(runs):
    def run(model, seed, layer):
        return dataclasses.replace(runs[0], model=model, seed=seed, layer=layer)

    given = [
        (run("worse", 0, "early"), 0.9), (run("worse", 0, "last"), 0.5),
        (run("better", 0, "early"), 0.1), (run("better", 0, "last"), 0.4), (run("better", 1, "last"), 0.8),
        (run("better-pretrained", 0, "pooled"), 0.95),
    ]  # fmt: skip
    assert opening_run(*zip(*given, strict=True), ["better-pretrained", "better-untrained"]) == 3
    assert opening_run(*zip(*given, strict=True)) == 5
    assert opening_run([each for each, _ in given[:2]], [np.nan, np.nan]) == 1


def test_a_study_without_runs_is_refused(folder, catalog):
    with pytest.raises(RockspaceError, match="no model"):
        describe_study(catalog, coordinates(folder), [], reflection=True, metric="euclidean")


def picture(encoded: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def test_photographs_are_small_and_stand_on_the_sheet_in_their_order(folder, catalog):
    paths = [folder / path for path in catalog["path"]][:7]
    embedded = embed_photographs(paths, threads=2)
    sheet, tile, columns = (
        picture(embedded["sheet"]["picture"]),
        embedded["sheet"]["tile"],
        embedded["sheet"]["columns"],
    )
    assert len(embedded["photographs"]) == 7
    for number, (path, encoded) in enumerate(zip(paths, embedded["photographs"], strict=True)):
        photograph = picture(encoded)
        assert max(photograph.size) == photograph_side(7)
        assert photograph.getpixel((0, 0))[3] == 0
        assert embedded["shapes"][number] == pytest.approx(
            [side / max(photograph.size) for side in photograph.size], abs=0.006
        )
        with Image.open(path) as original:
            colour = original.getpixel((original.width // 2, original.height // 2))
        row, column = divmod(number, columns)
        middle = ((column + 0.5) * tile, (row + 0.5) * tile)
        for shown in (photograph.getpixel((photograph.width // 2, photograph.height // 2)), sheet.getpixel(middle)):
            np.testing.assert_allclose(shown, (*colour, 255), atol=12)


def test_photographs_shrink_where_there_are_many_so_that_a_page_stays_loadable():
    sides = [photograph_side(count) for count in (1, 480, 600, 1200, 5000, 100_000)]
    assert sides == sorted(sides, reverse=True)
    assert sides[1] == sides[0]
    assert sides[-1] >= 64


def parts(page: str) -> dict[str, str]:
    return {
        "style": re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1],
        "scripts": re.findall(r"<script>(.*?)</script>", page, re.DOTALL),
        "study": re.search(r'<script type="application/json" id="study">(.*?)</script>', page, re.DOTALL)[1],
        "policy": re.search(r'Content-Security-Policy" content="(.*?)"', page)[1],
    }


def test_names_from_outside_are_data_on_the_page_and_never_markup(study):
    page = explorer_page(HOSTILE, study)
    assert HOSTILE not in page
    assert "onerror=alert(1)>" not in page.replace("\\u003c/script>\\u003cimg src=x onerror=alert(1)>", "")
    assert json.loads(parts(page)["study"]) == json.loads(json.dumps({"title": HOSTILE, **study}))


def test_the_pages_policy_lets_its_own_scripts_run_and_nothing_else(study):
    page = parts(explorer_page("rocks", study))
    for text in (page["style"], *page["scripts"]):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in page["policy"]
    assert page["policy"].startswith("default-src 'none'; img-src data:; ")
    assert len(page["scripts"]) == 2
    assert "unsafe" not in page["policy"]


def test_the_library_is_the_published_file_with_its_licence():
    table = (LIBRARY.parent / "README.md").read_text()
    assert hashlib.sha256(LIBRARY.read_bytes()).hexdigest() in table
    version = re.search(r"https://d3js.org v([\d.]+)", LIBRARY.read_text())[1]
    assert f"d3@{version}" in table
    assert "Permission to use, copy, modify" in (LIBRARY.parent / "d3.LICENSE").read_text()
