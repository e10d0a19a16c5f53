"""The explorer as its readers use it: by mouse, by keyboard, by touch, from a link, without a network."""

import dataclasses
import itertools
import math
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from browser import obstacles, wait_for
from explorer_study import write_study
from rockspace.data.catalog import read_catalog
from rockspace.report.explorer.page import explorer_page
from rockspace.report.explorer.photographs import embed_photographs
from rockspace.report.explorer.study import describe_study

LABELS, GROUPS = ["Basalt", "Granite", "Gneiss", "Marble", "Chalk", "Rock Salt"], list("IIMMSS")
RUNS = [("lite0", 0, "early"), ("lite0", 0, "penultimate"), ("lite0", 1, "penultimate"), ("resnet50", 0, "penultimate")]
MINUS = "\N{MINUS SIGN}"
HOSTILE = "</script><img src=x onerror=\"document.title='broken into'\">"


def build(
    folder,
    labels,
    groups,
    runs,
    train=6,
    validation=4,
    title="rocks",
    silent=(),
    baselines=None,
    relabel=None,
    **changes,
):
    """Write a study and its page; return the page's path and what it was told.

    Models that are `silent` have no predictions, and are baselines unless others are named; `relabel` changes labels in the catalog.
    """
    written = write_study(
        folder, labels=labels, superclasses=groups, train=train, validation=validation, runs=runs, statistics=False
    )
    written = [dataclasses.replace(run, predictions=None) if run.model in silent else run for run in written]
    catalog = read_catalog(folder / "catalog.csv")
    catalog = relabel(catalog) if relabel else catalog
    coordinates = {split: folder / f"coordinates/{split}.csv" for split in ("train", "validation")}
    study = describe_study(
        catalog,
        coordinates,
        written,
        reflection=True,
        metric="euclidean",
        baselines=silent if baselines is None else baselines,
    )
    study |= embed_photographs([folder / path for path in catalog["path"]]) | changes
    path = folder / "explorer.html"
    path.write_text(explorer_page(title, study), encoding="utf-8")
    return path, study


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("rocks"), LABELS, GROUPS, RUNS)


@pytest.fixture(scope="module")
def path(built):
    return built[0]


@pytest.fixture(scope="module")
def study(built):
    return built[1]


@pytest.fixture
def page(visit, path):
    return ready(visit(path))


def ready(page):
    """Wait until the plots are drawn, with their photographs."""
    page.wait_for_selector(".plots:not([aria-busy])", state="attached")
    wait_for(page, "document.querySelectorAll('.stage .axis line').length > 4")
    return page


def menu(page, name: str):
    """A menu by its name, made visible first if it is in one of the parts that are closed at first."""
    if name in ("Images", "Draw as") and not page.locator("#view-menu > div").is_visible():
        open_menu(page, "View")
    if name == "Prediction":
        open_tab(page, "Labels")
    return page.get_by_role("combobox", name=name, exact=True)


def text(page, selector: str) -> str:
    return page.locator(selector).inner_text()


def spoken(page) -> str:
    return page.locator("#spoken").text_content()


def visited(page) -> str:
    """Name of the image that a screen reader was told of last."""
    return spoken(page).split(", ")[0]


def numbers(line: str) -> list[float]:
    return [float(value) for value in re.findall(r"-?\d+\.\d+", line.replace(MINUS, "-"))]


def choose_by_address(page, name: str) -> None:
    page.evaluate("name => { const parts = new URLSearchParams(location.hash.slice(1)); parts.set('image', name); location.hash = parts }", name)  # fmt: skip
    wait_for(page, "name => document.getElementById('name').textContent === name", arg=name)


def place(page, plot: str, ring: str = "chosen") -> tuple[float, float]:
    """Where in the window the image with a ring is, in a plot."""
    return page.evaluate(
        """([plot, ring]) => {
            const stage = document.querySelector(`#${plot} .stage`).getBoundingClientRect();
            const circle = document.querySelector(`#${plot} .ring.${ring}`).getBBox();
            return [stage.x + circle.x + circle.width / 2, stage.y + circle.y + circle.height / 2];
        }""",
        [plot, ring],
    )


def address(page) -> str:
    """What follows ``#``, asked of the page: `page.url` is told a moment later."""
    return page.evaluate("location.hash.slice(1)")


def open_table(page) -> None:
    """Open the table and wait for its rows: a browser says that a part was opened only after the click is done."""
    page.locator("#table-details summary").click()
    page.wait_for_selector("#table tbody tr")


def neighbours(page, plot: str) -> list[str]:
    """Names of the nearest images in the space of a plot, as the card of the selected image lists them."""
    section = {"left": 1, "right": 2}[plot]
    return page.eval_on_selector_all(
        f"#details:not([hidden]) #neighbours section:nth-child({section}) button",
        "buttons => buttons.map((b) => b.title)",
    )


def open_menu(page, name: str) -> None:
    page.locator("details.menu summary", has_text=name).click()


def open_tab(page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def inked(page, plot: str) -> int:
    """How many pixels of a plot's images are not transparent."""
    return page.evaluate(
        """plot => {
            const canvas = document.querySelector(`#${plot} canvas`);
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return data.filter((value, i) => i % 4 === 3 && value > 0).length;
        }""",
        plot,
    )


def validation_images(study) -> list[int]:
    return [i for i, split in enumerate(study["images"]["split"]) if study["splits"][split] == "validation"]


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844)])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_shows_both_spaces_in_every_size_and_light(visit, path, width, height, dark):
    page = ready(visit(path, width=width, height=height, dark=dark, touch=width < 500))
    assert page.title() == "rocks: explorer"
    for plot in ("left", "right"):
        assert inked(page, plot) > 1000
    assert text(page, "#tally") == "24 validation images"
    assert "Held-out" in text(page, "#right .caption")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    if width > 1000:
        assert page.evaluate("document.querySelector('main').getBoundingClientRect().bottom") <= height


@pytest.mark.parametrize("selected", [False, True])
@pytest.mark.parametrize("layout", ["side", "arrows"])
def test_the_plots_have_most_of_a_laptops_window_whether_an_image_is_selected_or_not(
    visit, path, study, selected, layout
):
    name = study["images"]["id"][validation_images(study)[0]]
    page = ready(visit(path, fragment=f"layout={layout}" + (f"&image={name}" if selected else "")))
    inside_the_axes = page.eval_on_selector_all(
        ".stage clipPath rect",
        "frames => frames.filter((f) => f.closest('.stage').clientWidth).map((f) => f.getAttribute('width') * f.getAttribute('height'))",
    )
    assert len(inside_the_axes) == {"side": 2, "arrows": 1}[layout]
    assert sum(inside_the_axes) >= 0.6 * 1366 * 768


def test_other_dimensions_move_the_images_and_name_the_axes(page, study):
    image = validation_images(study)[5]
    choose_by_address(page, study["images"]["id"][image])
    before = place(page, "left"), place(page, "right")
    menu(page, "Horizontal").select_option(label="3 hue")
    menu(page, "Vertical").select_option(label="1 lightness")
    assert (place(page, "left"), place(page, "right")) != before
    titles = page.eval_on_selector_all("#left .axis-title", "titles => titles.map((t) => t.textContent)")
    assert titles == ["hue", "lightness"]
    assert re.search("hue, r = 0.50", page.locator("#right .axis-title").first.text_content())
    assert "x=hue" in address(page)


def test_images_travel_to_the_same_places_where_motion_is_welcome(page, study):
    choose_by_address(page, study["images"]["id"][validation_images(study)[5]])
    menu(page, "Horizontal").select_option(label="3 hue")
    end = page.locator("#left .ring.chosen").get_attribute("x")
    menu(page, "Horizontal").select_option(label="1 lightness")
    page.emulate_media(reduced_motion="no-preference")
    menu(page, "Horizontal").select_option(label="3 hue")
    wait_for(page, "x => document.querySelector('#left .ring.chosen').getAttribute('x') === x", arg=end)


def test_the_axes_tell_where_an_image_is(page, study):
    """The ring's place, read off the axis's ticks, is the coordinate that people gave."""
    image = validation_images(study)[7]
    choose_by_address(page, study["images"]["id"][image])
    ticks = page.eval_on_selector_all(
        "#left .axis:first-child .tick",
        "ticks => ticks.map((t) => [t.getBoundingClientRect().x, t.querySelector('text').textContent])",
    )
    centres = page.eval_on_selector_all(
        "#left .axis:first-child .tick line", "lines => lines.map((l) => l.getBoundingClientRect().x)"
    )
    values = [float(label.replace(MINUS, "-")) for _, label in ticks]
    x, _ = place(page, "left")
    slope = (values[-1] - values[0]) / (centres[-1] - centres[0])
    assert values[0] + slope * (x - centres[0]) == pytest.approx(study["human"]["places"][image][0], abs=0.03)


def test_models_seeds_and_layers_can_be_chosen_and_what_is_not_there_is_not_offered(page, study):
    def offered(label):
        return menu(page, f"{label}, right").locator("option").all_inner_texts()

    menu(page, "Model, right").select_option("lite0")
    assert offered("Model") == ["lite0", "resnet50"]
    assert offered("Seed") == ["seed 0", "seed 1"]
    assert offered("Layer") == ["early", "penultimate"]
    menu(page, "Layer, right").select_option("early")
    assert "layer early" in page.locator("#distances").text_content()
    menu(page, "Seed, right").select_option("seed 1")
    assert offered("Layer") == ["penultimate"]
    menu(page, "Model, right").select_option("resnet50")
    assert not menu(page, "Seed, right").is_visible()
    image = validation_images(study)[0]
    choose_by_address(page, study["images"]["id"][image])
    expected = [study["images"]["id"][i] for i in study["runs"][3]["neighbours"][image]]
    assert neighbours(page, "right") == expected


def test_another_model_is_shown_at_the_same_layer_or_at_its_last(visit, path):
    page = ready(visit(path, fragment="model=lite0&seed=1&layer=penultimate"))
    for model in ("resnet50", "lite0"):
        menu(page, "Model, right").select_option(model)
        assert f"model={model}" in address(page)
        assert "layer=penultimate" in address(page)
    menu(page, "Layer, right").select_option("early")
    menu(page, "Model, right").select_option("resnet50")
    assert "layer=penultimate" in address(page)


def test_the_page_opens_at_the_layer_that_the_overview_reports(built, visit):
    path, study = built
    page = ready(visit(path))
    opening = study["runs"][study["opening"]]
    assert f"model={opening['model']}" in address(page)
    assert f"layer={opening['layer']}" in address(page)


def test_two_layers_stand_side_by_side(page, study):
    assert menu(page, "Model, left").locator("option").all_inner_texts() == ["People", "lite0", "resnet50"]
    menu(page, "Model, left").select_option("lite0")
    menu(page, "Layer, left").select_option("early")
    menu(page, "Model, right").select_option("lite0")
    menu(page, "Layer, right").select_option("penultimate")
    image = validation_images(study)[2]
    choose_by_address(page, study["images"]["id"][image])
    assert neighbours(page, "left") == [study["images"]["id"][i] for i in study["runs"][0]["neighbours"][image]]
    assert neighbours(page, "right") == [study["images"]["id"][i] for i in study["runs"][1]["neighbours"][image]]
    places = [study["runs"][run]["places"][image] for run in (0, 1)]
    for k, row in enumerate(page.locator("#coordinates tr").all_inner_texts()):
        assert numbers(row) == pytest.approx([places[0][k], places[1][k]], abs=0.006)
    assert f"{math.dist(*places):.2f}" in text(page, "#rank")
    assert page.locator("#verdicts section").count() == 2
    again = address(page)
    assert "left-layer=early" in again
    menu(page, "Model, left").select_option("People")
    assert not menu(page, "Layer, left").is_visible()


def test_the_page_says_whether_r_is_clearly_above_chance_and_leads_back_to_the_overview(visit, tmp_path):
    path, study = build(tmp_path, LABELS, GROUPS, RUNS[:1])
    for clear, words in ((True, ", clearly above chance"), (False, ", not clearly above chance")):
        study["runs"][0]["figures"]["held_out"] |= {
            "interval": [0.3, 0.6],
            "interval_over": "subtypes",
            "chance": 0.2,
            "clear": clear,
        }
        path.write_text(explorer_page("rocks", study), encoding="utf-8")
        page = ready(visit(path))
        assert f"over subtypes){words} (0.20)" in text(page, "#right .caption")
    assert page.get_by_role("link", name="Overview").get_attribute("href") == "overview.html"


def test_of_a_drawn_study_nothing_is_said_of_people(visit, tmp_path):
    path, study = build(tmp_path, LABELS, GROUPS, RUNS[:1])
    path.write_text(explorer_page("rocks", study | {"drawn": True}), encoding="utf-8")
    page = ready(visit(path))
    assert menu(page, "Model, left").locator("option").first.inner_text() == "As drawn"
    choose_by_address(page, study["images"]["id"][validation_images(study)[0]])
    open_table(page)
    for colour in menu(page, "Colour").locator("option").all():
        menu(page, "Colour").select_option(colour.get_attribute("value"))
        assert "people" not in page.locator("main").inner_text().lower()
    labels = page.locator("main [aria-label]").evaluate_all("all => all.map(each => each.ariaLabel).join()")
    said = page.locator("#table").inner_text() + spoken(page) + text(page, "#distances") + labels
    assert "people" not in said.lower()


def test_superclasses_are_explained_by_the_labels_in_them(page, study):
    members = {
        name: [each["name"] for each in study["labels"] if study["groups"][each["group"]] == name]
        for name in study["groups"]
    }
    for entry in page.locator("#colours .entry").all():
        name, labels = entry.inner_text().split(maxsplit=1)
        assert labels == ", ".join(members.pop(name))
    assert not members


def test_an_address_with_one_dimension_shows_another_beside_it(visit, path, study):
    page = ready(visit(path, fragment=f"x={study['dimensions'][1]}"))
    shown = [page.locator("#left .axis-title").nth(i).text_content() for i in (0, 1)]
    assert shown == [study["dimensions"][1], study["dimensions"][0]]


@pytest.mark.parametrize("by", ["keyboard", "mouse"])
def test_the_card_of_an_image_that_was_selected_hides_no_neighbours(page, study, by):
    stage = page.locator("#left .stage")
    if by == "keyboard":
        stage.press("ArrowRight")
        assert page.locator(".tip:visible").count() == 1
        stage.press("Enter")
    else:
        choose_by_address(page, study["images"]["id"][validation_images(study)[9]])
        at = place(page, "left")
        stage.press("Escape")
        page.mouse.move(*at)
        assert page.locator(".tip:visible").count() == 1
        page.mouse.click(*at)
    assert page.locator(".tip:visible").count() == 0
    assert page.locator("#card").is_visible()
    assert page.locator("#left .ring.chosen").count() == 1


def test_training_images_are_shown_with_a_warning(page):
    menu(page, "Images").select_option("training")
    assert text(page, "#tally") == "36 training images"
    assert "rotation was learnt on these images" in text(page, "#right .caption")
    menu(page, "Images").select_option("validation")
    assert "rotation was learnt on these images" not in text(page, "#right .caption")


@pytest.mark.parametrize("plot", ["left", "right"])
def test_pointing_at_an_image_shows_it_in_both_spaces(page, study, plot):
    image = validation_images(study)[9]
    name = study["images"]["id"][image]
    choose_by_address(page, name)
    at = place(page, plot)
    page.locator("#left .stage").press("Escape")
    page.mouse.move(*at)
    tip = page.locator(".tip:visible")
    assert tip.locator("strong").all_inner_texts() == [name]
    assert "true label: Gneiss" in tip.inner_text()
    for other in ("left", "right"):
        assert page.locator(f"#{other} .ring.looked").count() == 1
    page.mouse.move(5, 5)
    assert page.locator(".ring.looked").count() == 0


def test_the_card_says_in_words_what_was_predicted_and_what_is_true(page, study):
    run = study["runs"][study["opening"]]
    guesses, names = study["guesses"][run["guesses"]], [label["name"] for label in study["labels"]]
    seen = set()
    for image in validation_images(study):
        label, right = study["images"]["label"][image], guesses[image][0][0] == study["images"]["label"][image]
        if right in seen:
            continue
        seen.add(right)
        choose_by_address(page, study["images"]["id"][image])
        true, guess = names[label], names[guesses[image][0][0]]
        words = f"✓ Right: predicted {true}, which is the true label"
        if not right:
            words = f"✗ Wrong: predicted {guess}, the true label is {true}"
        assert text(page, "#verdicts .verdict") == words
        assert page.locator(".guess-list .label").all_inner_texts() == [names[guess] for guess, _ in guesses[image]]
        tags = ["predicted", "", ""]
        for rank, (other, _) in enumerate(guesses[image]):
            if other == label:
                tags[rank] = ", ".join(filter(None, [tags[rank], "true"]))
        assert page.locator(".guess-list .tag").all_text_contents() == tags
        for k, row in enumerate(page.locator("#coordinates tr").all_inner_texts()):
            expected = [study["human"]["places"][image][k], run["places"][image][k]]
            assert numbers(row) == pytest.approx(expected, abs=0.006)
            assert study["dimensions"][k] in row
        assert page.locator("#photograph").evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 20
    assert seen == {True, False}


def test_a_click_shows_the_nearest_neighbours_in_both_spaces(page, study):
    image = validation_images(study)[3]
    name = study["images"]["id"][image]
    choose_by_address(page, name)
    at = place(page, "right")
    page.locator("#left .stage").press("Escape")
    assert neighbours(page, "left") == []
    page.mouse.click(*at)
    found = {}
    for plot, space in (("left", study["human"]), ("right", study["runs"][study["opening"]])):
        found[plot] = [study["images"]["id"][i] for i in space["neighbours"][image]]
        assert neighbours(page, plot) == found[plot]
        assert page.locator(f"#{plot} .to-neighbour").count() == len(found[plot])
    shared = set(found["left"]) & set(found["right"])
    assert {b.get_attribute("title") for b in page.locator("#neighbours .shared").all()} == shared
    assert f"{len(shared)} of the 10 nearest are the same" in text(page, "#both")
    page.locator("#neighbours button").first.click()
    assert text(page, "#name") == found["left"][0]


def test_no_ring_is_around_an_image_that_is_hidden(page, study):
    name = study["images"]["id"][validation_images(study)[0]]
    choose_by_address(page, name)
    assert page.locator("#left .ring.chosen").count() == 1
    near = page.locator("#left .ring.near").count()
    assert near == 10
    page.get_by_role("searchbox").fill("Basalt")
    kept = [other for other in neighbours(page, "left") if "Basalt" in other]
    assert page.locator("#left .ring.near").count() == len(kept) < near
    page.get_by_role("searchbox").fill("Chalk")
    assert page.locator(".ring.chosen").count() == 0
    assert page.locator(".ring.near").count() == 0
    assert page.locator(".to-neighbour").count() == 0
    assert "Hidden by the search" in text(page, "#filtered")
    page.locator("#filtered").get_by_role("button", name="Show all").click()
    assert page.locator("#left .ring.chosen").count() == 1


def test_nothing_found_is_said_and_can_be_undone(page):
    page.get_by_role("searchbox").fill("no such rock")
    assert page.locator(".nothing:visible").count() == 2
    assert "validation image has all the words of “no such rock”" in text(page, "#left .nothing .why")
    assert text(page, "#differences-about") == "Nothing found."
    assert page.locator(".ring").count() == 0
    page.locator("#left .nothing button").click()
    assert page.locator(".nothing:visible").count() == 0
    assert text(page, "#tally") == "24 validation images"


def test_superclasses_and_subtypes_filter_both_plots(page):
    open_tab(page, "Labels")
    before = inked(page, "left")
    box = page.get_by_role("checkbox", name="Marble")
    box.check()
    assert text(page, "#tally") == "4 of 24 validation images"
    assert page.get_by_role("checkbox", name="M", exact=True).evaluate("box => box.indeterminate")
    page.get_by_role("checkbox", name="I", exact=True).check()
    assert text(page, "#tally") == "12 of 24 validation images"
    assert page.get_by_role("checkbox", name="Granite").is_checked()
    page.locator(".legend").get_by_role("button", name="Show all").click()
    assert text(page, "#tally") == "24 validation images"
    assert not box.is_checked()
    box.check()
    menu(page, "Draw as").select_option("points")
    assert 0 < inked(page, "left") < before


def test_right_and_wrong_guesses_add_up(page, study):
    shown = []
    for answer in ("right", "wrong"):
        menu(page, "Prediction").select_option(answer)
        shown.append(int(text(page, "#tally").split()[0]))
    images = validation_images(study)
    right = sum(
        study["guesses"][study["runs"][study["opening"]]["guesses"]][i][0][0] == study["images"]["label"][i]
        for i in images
    )
    assert shown == [right, len(images) - right]


def test_search_finds_names_and_subtypes_and_enter_goes_through_what_it_found(page):
    search = page.get_by_role("searchbox")
    search.fill("SALT rock")
    assert text(page, "#tally") == "4 of 24 validation images"
    assert "4 of 24" in spoken(page)
    search.press("Enter")
    assert text(page, "#name") == "S_Rock Salt_v0"
    search.press("Enter")
    assert text(page, "#name") == "S_Rock Salt_v1"
    search.fill("no such rock")
    assert text(page, "#tally") == "0 of 24 validation images"
    search.press("Enter")
    assert "Nothing found" in spoken(page)


def test_a_reader_without_a_mouse_gets_everywhere(page, study):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the plots"
    page.keyboard.press("Enter")
    stage = page.get_by_role("application", name=re.compile("People.s space: lightness horizontally, width vertically"))
    assert stage.evaluate("stage => stage === document.activeElement")
    page.keyboard.press("Home")
    assert spoken(page).startswith("I_Basalt_v0, Basalt, I. lightness: people ")
    page.keyboard.press("PageDown")
    assert spoken(page).startswith("I_Basalt_v1")
    for key, axis, sign in (("ArrowRight", 0, 1), ("ArrowUp", 1, 1), ("ArrowLeft", 0, -1), ("ArrowDown", 1, -1)):
        page.keyboard.press("End")
        page.keyboard.press("PageUp")
        here = study["images"]["id"].index(visited(page))
        page.keyboard.press(key)
        there = study["images"]["id"].index(visited(page))
        step = study["human"]["places"][there][axis] - study["human"]["places"][here][axis]
        assert sign * step > 0 or there == here
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    assert "Selected: I_Basalt_v0" in spoken(page)
    assert "Nearest for people: " in spoken(page)
    assert len(neighbours(page, "left")) == 10
    page.keyboard.press("Escape")
    assert neighbours(page, "left") == []


def test_arrow_keys_reach_every_image(page, study):
    steps = page.evaluate(
        """count => {
            const stage = document.querySelector("#left .stage");
            const press = (key) => stage.dispatchEvent(new KeyboardEvent("keydown", { key }));
            const from = (image, key) => {
                press("Home");
                for (let i = 0; i < image; i++) press("PageDown");
                press(key);
                return document.getElementById("spoken").textContent.split(", ")[0];
            };
            const keys = ["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"];
            return Array.from({ length: count }, (_, image) => keys.map((key) => from(image, key)));
        }""",
        len(validation_images(study)),
    )
    names = [study["images"]["id"][i] for i in validation_images(study)]
    seen, edge = {names[0]}, [names[0]]
    while edge:
        found = set(steps[names.index(edge.pop())]) - seen
        seen |= found
        edge += found
    assert seen == set(names)


def test_zoom_is_shared_by_both_plots_and_can_be_undone(page):
    def ticks(plot):
        return page.eval_on_selector_all(f"#{plot} .tick text", "texts => texts.map((t) => t.textContent)")

    everything = ticks("left")
    stage = page.locator("#right .stage").bounding_box()
    page.mouse.move(stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2)
    page.mouse.wheel(0, -600)
    wait_for(page, "() => location.hash.includes('zoom=')")
    assert ticks("left") == ticks("right") != everything
    zoomed = ticks("left")
    page.mouse.down()
    page.mouse.move(stage["x"] + 60, stage["y"] + 60, steps=4)
    page.mouse.up()
    assert ticks("left") == ticks("right") != zoomed
    assert page.locator(".ring.chosen").count() == 0
    page.get_by_role("button", name="Reset zoom").click()
    assert ticks("left") == ticks("right") == everything
    page.locator("#left .stage").press("+")
    assert ticks("left") == ticks("right")
    wait_for(page, "() => location.hash.includes('zoom=1.6')")
    page.locator("#left .stage").press("0")
    assert ticks("left") == everything


def photographs(page, plot: str) -> list[list[float]]:
    """Left, top, right and bottom of each photograph in a plot, from the saved vector picture, and of the frame last."""
    root = ElementTree.parse(saved(page, "svg")).getroot()
    names = {"s": "http://www.w3.org/2000/svg"}
    group = root.findall("s:g", names)[{"left": 0, "right": -1}[plot]]
    box = lambda node: [float(node.get(key)) for key in ("x", "y", "width", "height")]  # noqa: E731
    frame = box(group.find("s:clipPath/s:rect", names))
    found = []
    for part in group.findall(".//s:image/..", names):
        found.append(box(part.find("s:rect", names)))
    return [[x, y, x + width, y + height] for x, y, width, height in [*found, frame]]


@pytest.mark.parametrize("zoom", ["", "2 0 0", "6 0.5 0.5"])
def test_photographs_are_whole_on_their_points_and_never_on_each_other(visit, path, study, zoom):
    page = ready(visit(path, fragment=f"zoom={zoom}" if zoom else ""))
    for plot in ("left", "right"):
        *found, frame = photographs(page, plot)
        assert found
        for one in found:
            assert frame[0] <= one[0] < one[2] <= frame[2]
            assert frame[1] <= one[1] < one[3] <= frame[3]
        for one, other in itertools.combinations(found, 2):
            assert min(one[2], other[2]) <= max(one[0], other[0]) or min(one[3], other[3]) <= max(one[1], other[1])
    if zoom:
        return
    image = next(i for i in validation_images(study))
    choose_by_address(page, study["images"]["id"][image])
    stage = page.locator("#left .stage").bounding_box()
    x, y = (at - start for at, start in zip(place(page, "left"), (stage["x"], stage["y"]), strict=True))
    centres = [((one[0] + one[2]) / 2, (one[1] + one[3]) / 2) for one in photographs(page, "left")[:-1]]
    if page.locator("#left .ring.chosen").get_attribute("rx") == "6":
        assert min(math.dist((x, y), centre) for centre in centres) < 1


def test_more_photographs_have_room_when_the_view_is_nearer(page):
    menu(page, "Draw as").select_option("points")
    points = inked(page, "left")
    menu(page, "Draw as").select_option("photographs")
    assert inked(page, "left") > 2 * points


def test_a_link_shows_what_was_seen_when_it_was_copied(visit, page, path):
    menu(page, "Model, right").select_option("lite0")
    menu(page, "Layer, right").select_option("early")
    menu(page, "Horizontal").select_option(label="4 tilt")
    menu(page, "Colour").select_option("distance")
    open_tab(page, "Labels")
    page.get_by_role("checkbox", name="Chalk").check()
    page.get_by_role("searchbox").fill("chalk")
    choose_by_address(page, "S_Chalk_v2")
    open_tab(page, "Image")
    page.locator("#left .stage").press("+")
    wait_for(page, "() => location.hash.includes('zoom=')")
    link = address(page)
    again = ready(visit(path, fragment=link))
    assert address(again) == link
    for selector in ("#tally", "#name", "#neighbours", "#colours"):
        assert text(again, selector) == text(page, selector)
    for key in ("#right [data-key=layer]", "#x", "#colour"):
        assert again.locator(key).input_value() == page.locator(key).input_value()
    assert place(again, "left") == pytest.approx(place(page, "left"), abs=1)


@pytest.mark.parametrize("fragment", ["nonsense", "model=none&x=&y=99&images=moon&only=granite&zoom=a b c", "zoom=1e9 0 0&image=%00", "%E0%A4%A"])  # fmt: skip
def test_an_address_that_makes_no_sense_shows_the_whole_study(visit, path, fragment):
    page = ready(visit(path, fragment=fragment))
    assert text(page, "#tally") == "24 validation images"


def test_the_table_says_the_same_and_can_be_sorted_and_chosen_from(page, study):
    open_table(page)
    table = page.locator("#table")
    assert len(table.locator("tbody tr").all()) == 24
    page.get_by_role("button", name="lightness, people").click()
    shown = [numbers(cell)[0] for cell in table.locator("tbody tr td:nth-child(4)").all_inner_texts()]
    expected = sorted(study["human"]["places"][i][0] for i in validation_images(study))
    assert shown == pytest.approx(expected, abs=0.006)
    page.get_by_role("button", name="lightness, people").click()
    assert table.locator("th[aria-sort=descending]").inner_text().startswith("lightness, people")
    row = table.locator("tbody tr").first
    row.get_by_role("button").click()
    assert text(page, "#name") == row.get_by_role("button").inner_text()
    page.locator("#view-menu").scroll_into_view_if_needed()
    menu(page, "Images").select_option("training")
    page.get_by_role("button", name="Image", exact=True).click()
    assert "36 training images" in text(page, "#table-caption")


def test_long_tables_have_pages(visit, tmp_path):
    path, _ = build(tmp_path, list("abcdef"), [""] * 6, RUNS[:1], train=4, validation=20)
    page = ready(visit(path))
    open_table(page)
    assert text(page, "#page-number") == "Page 1 of 3"
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    assert len(page.locator("#table tbody tr").all()) == 20
    assert page.get_by_role("button", name="Next").is_disabled()


def test_a_tap_on_a_phone_chooses_and_one_finger_still_scrolls(visit, path, study):
    page = ready(visit(path, width=390, height=844, touch=True))
    name = study["images"]["id"][validation_images(study)[2]]
    choose_by_address(page, name)
    page.locator("#left .stage").scroll_into_view_if_needed()
    at = place(page, "left")
    page.locator("#left .stage").press("Escape")
    page.touchscreen.tap(*at)
    assert text(page, "#name") == name
    assert page.locator(".tip:visible strong").all_inner_texts() == [name]
    page.locator(".tip:visible").wait_for(state="hidden", timeout=10_000)
    assert text(page, "#name") == name
    assert len(neighbours(page, "left")) == 10
    touch_action = "stage => getComputedStyle(stage).touchAction"
    assert page.locator("#left .stage").evaluate(touch_action) == "pan-y"
    page.get_by_role("button", name="Zoom in").click()
    assert page.locator("#left .stage").evaluate(touch_action) == "none"
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def drag(page, plot: str, corners: list[tuple[float, float]]) -> None:
    """Move the mouse, pressed, through points given as shares of the width and height of a plot."""
    box = page.locator(f"#{plot} .stage").bounding_box()
    points = [(box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in corners]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=5)
    page.mouse.up()


LEFT_HALF = [(0.02, 0.02), (0.5, 0.02), (0.5, 0.97), (0.02, 0.97)]


def test_a_lasso_chooses_the_images_around_which_it_is_drawn(visit, path, page, study):
    places = page.evaluate("document.querySelector('#left .stage').clientWidth")
    page.get_by_role("button", name="Lasso").click()
    drag(page, "left", LEFT_HALF)
    lassoed = [study["images"]["id"].index(name) for name in lassoed_names(page)]
    assert 0 < len(lassoed) < 24
    assert text(page, "#tally") == f"{len(lassoed)} of 24 validation images in the lasso"
    x = {i: study["human"]["places"][i][0] for i in validation_images(study)}
    assert max(x[i] for i in lassoed) < min(x[i] for i in x if i not in lassoed)
    assert page.locator(".ring.chosen").count() == 0
    assert page.get_by_role("button", name="Lasso").get_attribute("aria-pressed") == "false"
    open_table(page)
    assert page.locator("#table tbody tr").count() == len(lassoed)
    again = ready(visit(path, fragment=address(page)))
    assert text(again, "#tally") == text(page, "#tally")
    page.locator(".legend").get_by_role("button", name="Show all").click()
    assert text(page, "#tally") == "24 validation images"
    assert places > 400


def lassoed_names(page) -> list[str]:
    return page.evaluate("new URLSearchParams(location.hash.slice(1)).getAll('lasso')")


def test_a_lasso_can_be_made_from_the_keyboard(page):
    stage = page.locator("#left .stage")
    for key in ("Home", "l", "PageDown", "PageDown", "l"):
        stage.press(key)
    assert lassoed_names(page) == ["I_Basalt_v0", "I_Basalt_v2"]
    assert "2 of 24 validation images" in spoken(page)
    stage.press("l")
    assert lassoed_names(page) == ["I_Basalt_v0"]
    assert "taken out" in spoken(page)


def test_a_search_that_finds_nothing_in_the_lasso_says_so(page):
    for key in ("Home", "l"):
        page.locator("#left .stage").press(key)
    page.get_by_role("searchbox").fill("chalk")
    assert page.locator(".nothing:visible").count() == 2
    assert "among the chosen lasso" in text(page, "#left .nothing .why")


class Fingers:
    """Fingers on a touch screen, at places of the window."""

    def __init__(self, page) -> None:
        self._session = page.context.new_cdp_session(page)

    def move(self, *paths: tuple[tuple[float, float], tuple[float, float]], steps: int = 6) -> None:
        """Put a finger at the start of each path, move all of them to the ends, and lift them."""
        for step in range(steps + 1):
            points = [
                {"x": x0 + (x1 - x0) * step / steps, "y": y0 + (y1 - y0) * step / steps, "id": finger}
                for finger, ((x0, y0), (x1, y1)) in enumerate(paths)
            ]
            self._send("touchMove" if step else "touchStart", points)
        self._send("touchEnd", [])

    def _send(self, kind: str, points: list) -> None:
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_fingers_pinch_drag_and_draw_a_lasso(visit, path):
    page = ready(visit(path, width=390, height=844, touch=True))
    stage = page.locator("#left .stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    fingers = Fingers(page)

    def zoom() -> list[float]:
        page.wait_for_timeout(250)
        found = page.evaluate("new URLSearchParams(location.hash.slice(1)).get('zoom')")
        return [float(part) for part in found.split()] if found else []

    assert zoom() == []
    fingers.move(((x - 20, y), (x - 80, y)), ((x + 20, y), (x + 80, y)))
    pinched = zoom()
    assert pinched[0] > 2
    fingers.move(((x, y), (x + 60, y - 40)))
    moved = zoom()
    assert moved[0] == pinched[0]
    assert moved[1] < pinched[1]
    assert moved[2] < pinched[2]
    page.get_by_role("button", name="Reset zoom").click()
    page.get_by_role("button", name="Lasso").click()
    box = stage.bounding_box()
    corners = [(box["x"] + a * box["width"], box["y"] + b * box["height"]) for a, b in [*LEFT_HALF, LEFT_HALF[0]]]
    session = page.context.new_cdp_session(page)
    for i, (a, b) in enumerate(corners):
        kind = "touchMove" if i else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": a, "y": b}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert "in the lasso" in text(page, "#tally")
    assert 0 < len(lassoed_names(page)) < 24


def test_arrows_go_from_peoples_places_to_the_models(visit, path, study):
    page = ready(visit(path, fragment="layout=arrows&x=hue&y=tilt&marks=points"))
    assert page.locator("#right .stage").is_hidden()
    svg = saved(page, "svg").read_text()
    arrows = [numbers(d)[:4] for d in re.findall(r'<path d="(M[^"]+)" fill="none"', svg)]
    assert len(arrows) == 24
    run = study["runs"][study["opening"]]
    ends = []
    for i in validation_images(study):
        (x0, y0), (x1, y1) = study["human"]["places"][i][2:4], run["places"][i][2:4]
        ends.append([x0, -y0, x1, -y1])
    # The picture's places follow from the coordinates by one scale and one shift for each axis.
    drawn, expected = np.array(arrows), np.array(ends)
    for axis in (0, 1):
        at, value = drawn[:, [axis, axis + 2]].ravel(), expected[:, [axis, axis + 2]].ravel()
        assert np.corrcoef(at, value)[0, 1] > 0.99999
    page.locator("input[value=side]").check(force=True)
    assert page.locator("#right .stage").is_visible()


def test_of_many_arrows_the_greatest_distances_are_drawn(visit, tmp_path):
    path, _ = build(tmp_path, list("abcdef"), [""] * 6, RUNS[:1], train=2, validation=60)
    page = ready(visit(path, fragment="layout=arrows&marks=points"))
    assert "the 300 greatest distances" in text(page, "#left .caption")
    names = {"s": "http://www.w3.org/2000/svg"}
    group = ElementTree.parse(saved(page, "svg")).getroot().find("s:g", names)
    assert len([path for path in group.findall(".//s:path", names) if path.get("fill") == "none"]) == 300
    page.get_by_role("searchbox").fill("_a_")
    assert "each image" in text(page, "#left .caption")


def test_the_greatest_differences_are_listed_and_can_be_selected(page, study):
    run = study["runs"][study["opening"]]
    far = {i: math.dist(study["human"]["places"][i], run["places"][i]) for i in validation_images(study)}
    order = sorted(far, key=far.get, reverse=True)
    assert page.locator("#differences-list .who").all_inner_texts() == [study["images"]["id"][i] for i in order]
    shown = [float(value) for value in page.locator(".measure span:first-child").all_inner_texts()]
    assert shown == pytest.approx([far[i] for i in order], abs=0.006)
    page.locator("#differences-list button").nth(1).click()
    assert text(page, "#name") == study["images"]["id"][order[1]]
    assert "2nd greatest of 24" in text(page, "#rank")
    page.get_by_role("button", name="Image with the next greater distance").click()
    assert text(page, "#name") == study["images"]["id"][order[0]]
    assert "the greatest of 24" in text(page, "#rank")
    assert page.locator("#rank-back").is_disabled()


def fills(page) -> dict[str, str]:
    """Colour of each image's point in the left plot, as saved."""
    names = {"s": "http://www.w3.org/2000/svg"}
    left = ElementTree.parse(saved(page, "svg")).getroot().find("s:g", names)
    return {part.find("s:title", names).text: part.get("fill") for part in left.findall(".//s:title/..", names)}


def test_images_are_coloured_by_what_is_chosen_with_a_legend(visit, path, study):
    page = ready(visit(path, fragment="marks=points"))
    images = validation_images(study)
    names = study["images"]["id"]
    assert [each.split()[0] for each in page.locator("#colours .entry").all_inner_texts()] == ["I", "M", "S"]
    run = study["runs"][study["opening"]]

    menu(page, "Colour").select_option("right or wrong")
    assert page.locator("#colours .entry").all_inner_texts() == ["right", "wrong"]
    by_colour = fills(page)
    right = {names[i] for i in images if study["guesses"][run["guesses"]][i][0][0] == study["images"]["label"][i]}
    assert len({by_colour[name] for name in right}) == 1
    assert {name for name in by_colour if by_colour[name] == by_colour[min(right)]} == right

    menu(page, "Colour").select_option("label")
    assert len({by for by in fills(page).values()}) == 6

    for colour, value in (
        ("distance", lambda i: math.dist(study["human"]["places"][i], run["places"][i])),
        ("hue", lambda i: study["human"]["places"][i][2]),
    ):
        menu(page, "Colour").select_option(colour)
        by_colour = fills(page)
        # Cividis is the lighter the greater the value.
        ordered = sorted(images, key=value)
        light = [luminance(hexadecimal(by_colour[names[i]])) for i in ordered]
        assert light == sorted(light)
        assert light[-1] > light[0] + 0.3
        assert numbers(text(page, "#colours"))[:2] == pytest.approx([value(ordered[0]), value(ordered[-1])], abs=0.006)
    assert "s coordinate" in text(page, "#colours")


def hexadecimal(colour: str) -> str:
    if colour.startswith("#"):
        return colour
    return "#" + "".join(f"{int(channel):02x}" for channel in re.findall(r"\d+", colour)[:3])


def saved(page, kind: str) -> Path:
    open_menu(page, "Save")
    with page.expect_download() as download:
        page.locator(f"[data-save={kind}]").click()
    assert download.value.suggested_filename.endswith(f".{kind}")
    return download.value.path()


def test_the_view_can_be_saved_as_pictures_and_as_a_table(page, study):
    page.get_by_role("searchbox").fill("Basalt")
    table = pd.read_csv(saved(page, "csv"), index_col="Image")
    images = [i for i in validation_images(study) if "Basalt" in study["images"]["id"][i]]
    run = study["runs"][study["opening"]]
    assert table.index.tolist() == [study["images"]["id"][i] for i in images]
    for k, name in enumerate(study["dimensions"]):
        assert table[f"{name}, people"].tolist() == [study["human"]["places"][i][k] for i in images]
        assert table[f"{name}, model"].tolist() == [run["places"][i][k] for i in images]
    assert table["Distance between both places"].tolist() == pytest.approx(
        [math.dist(study["human"]["places"][i], run["places"][i]) for i in images]
    )
    root = ElementTree.parse(saved(page, "svg")).getroot()
    titles = [node.text for node in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == [study["images"]["id"][i] for i in images] * 2
    with Image.open(saved(page, "png")) as picture:
        assert picture.width == 3 * round(float(root.get("width")))
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 500


def test_a_correlation_that_is_not_defined_is_said_to_be_so(visit, tmp_path):
    path, study = build(tmp_path, LABELS, GROUPS, RUNS[:1])
    study["runs"][0]["r"]["validation"][0] = None
    study["runs"][0]["figures"]["held_out"] = {
        "value": None,
        "interval": None,
        "interval_over": None,
        "chance": None,
        "clear": None,
    }
    path.write_text(explorer_page("rocks", study), encoding="utf-8")
    page = ready(visit(path))
    assert page.locator("#right .axis-title").first.text_content() == "lightness, r = not defined"
    assert text(page, "#right .caption") == "Held-out mean r = not defined"


def test_a_network_without_training_is_shown_without_a_word_on_accuracy(visit, tmp_path):
    path, study = build(tmp_path, LABELS, GROUPS, [("lite0", 0, "penultimate"), ("lite0-pretrained", 0, "pooled")], silent={"lite0-pretrained"})  # fmt: skip
    page = ready(visit(path, fragment="guesses=wrong&colour=prediction"))
    assert "model=lite0&" in address(page)
    shown = int(text(page, "#tally").split()[0])
    assert shown < 24
    menu(page, "Model, right").select_option("lite0-pretrained")
    assert "layer=pooled" in address(page)
    assert text(page, "#tally") == "24 validation images"
    assert [each.split()[0] for each in page.locator("#colours .entry").all_inner_texts()] == ["I", "M", "S"]
    choose_by_address(page, study["images"]["id"][validation_images(study)[0]])
    assert page.locator("#verdicts section").count() == 0
    open_table(page)
    seen = page.locator("main").inner_text() + page.locator("#table").inner_text()
    assert not re.search("predict|guess|right or wrong|probab", seen, re.IGNORECASE)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """After WCAG 2.2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_text_and_marks_stand_out_from_the_paper(visit, path, dark):
    page = ready(visit(path, dark=dark))
    colours = page.evaluate(
        """() => Object.fromEntries(["paper", "ground", "plate", "ink", "quiet", "warn", "right", "wrong", "accent", "accent-ground",
            ...[0, 1, 2, 3, 4, 5, 6].map((i) => `mark-${i}`)].map((name) =>
            [name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()]))"""
    )
    for name in ("ink", "quiet", "warn", "right", "wrong", "accent"):
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
    assert contrast(colours["quiet"], colours["ground"]) >= 4.5
    assert contrast(colours["ink"], colours["accent-ground"]) >= 4.5
    for i in range(7):
        assert contrast(colours[f"mark-{i}"], colours["paper"]) >= 3, i
    # A black rock is seen on its plate, and the plate on the paper of either kind.
    assert contrast("#151515", colours["plate"]) >= 10


def test_names_that_look_like_markup_are_shown_as_they_are(visit, tmp_path):
    labels, groups = [HOSTILE, "b & <b>bold</b>", "c"], [HOSTILE, "`${1}`", "$study"]
    path, _ = build(
        tmp_path, labels, groups, RUNS[:1], validation=5, title=HOSTILE, dimensions=[HOSTILE, "a", "<i>", "d"]
    )
    page = ready(visit(path))
    open_table(page)
    page.locator("#left .stage").press("Home")
    page.keyboard.press("Enter")
    assert page.title() == f"{HOSTILE}: explorer"
    assert HOSTILE in text(page, "#name")
    assert HOSTILE in page.locator("#labels").text_content()
    assert HOSTILE in text(page, "#table")
    assert page.locator("#left .axis-title").first.text_content() == HOSTILE
    assert page.locator("[onerror]").count() == 0
    assert page.locator("img[src=x]").count() == 0
    again = ready(visit(path, fragment=address(page)))
    assert text(again, "#name") == text(page, "#name")


def test_a_study_without_superclasses_guesses_or_a_second_dimension_is_shown_too(visit, tmp_path):
    folder = tmp_path / "plain"
    folder.mkdir()
    path, study = build(folder, list("abcdefgh"), [""] * 8, RUNS[:1], guesses=[])
    for run in study["runs"]:
        run["guesses"] = None
        run["places"] = [place[:1] for place in run["places"]]
    study["human"]["places"] = [place[:1] for place in study["human"]["places"]]
    study["dimensions"] = study["dimensions"][:1]
    path.write_text(explorer_page("plain", study), encoding="utf-8")
    page = ready(visit(path))
    page.locator("#left .stage").press("Home")
    assert "Predicted" not in spoken(page)
    assert not menu(page, "Prediction").is_visible()
    page.locator("#left .stage").press("Home")
    page.keyboard.press("Enter")
    assert page.locator("#verdicts section").count() == 0
    assert "right or wrong" not in page.locator("#colour option:enabled").all_inner_texts()
    assert text(page, "#kind") == "a · validation image"
    colours = {mark.get_attribute("style") for mark in page.locator("#labels .mark path").all()}
    shapes = {mark.get_attribute("d") for mark in page.locator("#labels .mark path").all()}
    assert (len(colours), len(shapes)) == (7, 6)


def said(page) -> str:
    """All that can be seen or is read aloud of a page whose parts are open."""
    return "\n".join(
        page.evaluate(
            """() => [document.body.innerText, document.title, ...[...document.querySelectorAll("*")].filter((each) => each.checkVisibility())
                .flatMap((each) => ["aria-label", "title", "alt", "placeholder"].map((name) => each.getAttribute(name) ?? "")),
                ...[...document.querySelectorAll(".spoken")].map((each) => each.textContent)]"""
        )
    )


@pytest.mark.parametrize(("width", "dark"), [(1366, False), (390, True)])
def test_a_study_without_labels_is_shown_without_a_word_of_them(visit, tmp_path, width, dark):
    path, study = build(
        tmp_path, LABELS, GROUPS, RUNS, silent={"lite0", "resnet50"}, baselines=(),
        relabel=lambda catalog: catalog.assign(label="", superclass=""),
    )  # fmt: skip
    for run in study["runs"]:
        run["origin"] = "as pretrained" if run["model"] == "lite0" else "ready embeddings from clip.npz"
    path.write_text(explorer_page("things", study), encoding="utf-8")
    page = ready(visit(path, width=width, height=800, dark=dark))
    assert (study["labels"], study["groups"], set(study["images"]["label"])) == ([], [], {None})
    assert page.locator("#right .caption").inner_text().startswith("As pretrained. Held-out mean r")
    # By the dimension across; another one across is another colour.
    assert menu(page, "Colour").evaluate("each => each.selectedOptions[0].text") == study["dimensions"][0]
    menu(page, "Horizontal").select_option("3 hue")
    assert "hue: people" in text(page, "#colours")
    assert page.locator("#colour option").all_inner_texts() == ["distance", *study["dimensions"]]
    assert page.get_by_role("tab").all_inner_texts() == ["Differences", "Image"]
    page.get_by_role("tab", name="Image").press("ArrowRight")
    assert page.get_by_role("tab", name="Differences").get_attribute("aria-selected") == "true"
    name = study["images"]["id"][validation_images(study)[2]]
    page.get_by_role("searchbox").fill(name)
    assert text(page, "#tally") == "1 of 24 validation images"
    page.get_by_role("searchbox").fill("no such thing")
    assert "image has all the words of “no such thing” in its name." in spoken(page)
    page.get_by_role("searchbox").fill("")
    choose_by_address(page, name)
    open_tab(page, "Image")
    assert text(page, "#kind") == "validation image"
    assert page.locator("#neighbours button").first.get_attribute("aria-label").split(", ")[0] in study["images"]["id"]
    open_table(page)
    assert page.locator("#table thead th").all_inner_texts()[:2] == ["Image", "hue, people"]
    page.locator("#left .stage").press("Home")
    page.locator("#reading").evaluate("each => each.open = true")
    names = re.compile("|".join(map(re.escape, study["images"]["id"])))
    assert not re.findall(
        "label|subtype|superclass|categor|accura|guess|probab|prediction", names.sub("", said(page)), re.IGNORECASE
    )
    assert obstacles(page) == []


def test_images_without_a_label_or_with_one_that_was_not_learnt_are_neither_right_nor_wrong(visit, tmp_path):
    def relabel(catalog):
        first, second = catalog.index[catalog["split"] == "validation"][[3, 7]]
        catalog.loc[first, ["label", "superclass"]] = ""
        catalog.loc[second, ["label", "superclass"]] = ["Moonstone", "X"]
        return catalog

    path, study = build(tmp_path, LABELS, GROUPS, RUNS[:1], relabel=relabel)
    page = ready(visit(path))
    assert [each.split()[0] for each in page.locator("#colours .entry").all_inner_texts()] == ["I", "M", "S", "X", "no"]
    without, unheard = (study["images"]["id"][validation_images(study)[i]] for i in (3, 7))
    predicted = [study["labels"][study["guesses"][0][validation_images(study)[i]][0][0]]["name"] for i in (3, 7)]
    choose_by_address(page, without)
    assert text(page, "#kind") == "no label · validation image"
    assert text(page, "#verdicts .verdict") == f"Not scored: predicted {predicted[0]}, the image has no label"
    choose_by_address(page, unheard)
    assert text(page, "#kind") == "Moonstone · X · validation image"
    assert (
        text(page, "#verdicts .verdict") == f"Not scored: predicted {predicted[1]}, the label Moonstone was not learnt"
    )
    menu(page, "Colour").select_option("prediction")
    assert page.locator("#colours .entry").all_inner_texts() == ["right", "wrong", "not scored"]
    counts = []
    for verdict in ("right", "wrong"):
        menu(page, "Prediction").select_option(verdict)
        counts.append(int(text(page, "#tally").split()[0]))
    assert sum(counts) == 22
    menu(page, "Prediction").select_option("all")
    open_table(page)
    row = page.locator("#table tbody tr", has_text=without).locator("td").all_inner_texts()
    assert (row[0], row[-1]) == ("", "")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1366, 390])
def test_an_audit_of_accessibility_finds_nothing(visit, path, study, width, dark):
    page = ready(visit(path, width=width, dark=dark))
    assert obstacles(page) == []
    choose_by_address(page, study["images"]["id"][validation_images(study)[0]])
    open_table(page)
    open_tab(page, "Image")
    assert obstacles(page) == []
    open_tab(page, "Labels")
    page.get_by_role("searchbox").fill("no such rock")
    menu(page, "Colour").select_option("distance")
    open_menu(page, "Save")
    assert obstacles(page) == []


def test_the_audit_of_accessibility_finds_what_is_there(visit, tmp_path):
    (tmp_path / "page.html").write_text("<title>x</title><main><h1>x</h1><button></button></main>")
    found = "\n".join(obstacles(visit(tmp_path / "page.html")))
    assert "Buttons must have discernible text" in found
    assert "lang attribute" in found
