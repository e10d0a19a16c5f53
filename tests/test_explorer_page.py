"""The explorer as its readers use it: by mouse, by keyboard, by touch, from a link, without a network."""

import re

import pytest

from browser import obstacles
from explorer_study import write_study
from rockspace.data.catalog import read_catalog
from rockspace.report.explorer.page import explorer_page
from rockspace.report.explorer.photographs import embed_photographs
from rockspace.report.explorer.study import describe_study

LABELS, GROUPS = ["Basalt", "Granite", "Gneiss", "Marble", "Chalk", "Rock Salt"], list("IIMMSS")
RUNS = [("lite0", 0, "penultimate"), ("lite0", 0, "early"), ("lite0", 1, "penultimate"), ("resnet50", 0, "penultimate")]
MINUS = "\N{MINUS SIGN}"
HOSTILE = "</script><img src=x onerror=\"document.title='broken into'\">"


def build(folder, labels, groups, runs, train=6, validation=4, title="rocks", **changes):
    """Write a study and its page; return the page's path and what it was told."""
    written = write_study(
        folder, labels=labels, superclasses=groups, train=train, validation=validation, runs=runs, statistics=False
    )
    catalog = read_catalog(folder / "catalog.csv")
    coordinates = {split: folder / f"coordinates/{split}.csv" for split in ("train", "validation")}
    study = describe_study(catalog, coordinates, written, reflection=True, metric="euclidean")
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
    page.wait_for_function("document.querySelectorAll('.stage .axis line').length > 4")
    return page


def menu(page, name: str):
    return page.get_by_role("combobox", name=name, exact=True)


def text(page, selector: str) -> str:
    return page.locator(selector).inner_text()


def spoken(page) -> str:
    return page.locator("#spoken").text_content()


def numbers(line: str) -> list[float]:
    return [float(value) for value in re.findall(r"-?\d+\.\d+", line.replace(MINUS, "-"))]


def choose_by_address(page, name: str) -> None:
    page.evaluate("name => { const parts = new URLSearchParams(location.hash.slice(1)); parts.set('image', name); location.hash = parts }", name)  # fmt: skip
    page.wait_for_function("name => document.getElementById('name').textContent === name", arg=name)


def place(page, plot: str, ring: str = "chosen") -> tuple[float, float]:
    """Where in the window the image with a ring is, in a plot."""
    return page.evaluate(
        """([plot, ring]) => {
            const stage = document.querySelector(`#${plot} .stage`).getBoundingClientRect();
            const circle = document.querySelector(`#${plot} .ring.${ring}`);
            return [stage.x + Number(circle.getAttribute("cx")), stage.y + Number(circle.getAttribute("cy"))];
        }""",
        [plot, ring],
    )


def address(page) -> str:
    """What follows ``#``, asked of the page: `page.url` is told a moment later."""
    return page.evaluate("location.hash.slice(1)")


def open_table(page) -> None:
    """Open the table and wait for its rows: a browser says that a part was opened only after the click is done."""
    page.get_by_text("All images as a table").click()
    page.wait_for_selector("#table tbody tr")


def neighbours(page, plot: str) -> list[str]:
    return page.eval_on_selector_all(f"#{plot} .neighbours button", "buttons => buttons.map((b) => b.title)")


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
    for plot in ("human", "model-space"):
        assert inked(page, plot) > 1000
    assert "24 of 24 images, validation" in text(page, "#human .caption")
    assert "held-out" in text(page, "#model-space .caption")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    if width > 1000:
        assert page.evaluate("document.querySelector('main').getBoundingClientRect().bottom") <= height


def test_other_dimensions_move_the_images_and_name_the_axes(page, study):
    image = validation_images(study)[5]
    choose_by_address(page, study["images"]["id"][image])
    before = place(page, "human"), place(page, "model-space")
    menu(page, "Horizontal").select_option(label="3 hue")
    menu(page, "Vertical").select_option(label="1 lightness")
    assert (place(page, "human"), place(page, "model-space")) != before
    titles = page.eval_on_selector_all("#human .axis-title", "titles => titles.map((t) => t.textContent)")
    assert titles == ["hue", "lightness"]
    assert re.search("hue, r = 0.50", page.locator("#model-space .axis-title").first.text_content())
    assert "x=hue" in address(page)


def test_images_travel_to_the_same_places_where_motion_is_welcome(page, study):
    choose_by_address(page, study["images"]["id"][validation_images(study)[5]])
    menu(page, "Horizontal").select_option(label="3 hue")
    end = page.locator("#human .ring.chosen").get_attribute("cx")
    menu(page, "Horizontal").select_option(label="1 lightness")
    page.emulate_media(reduced_motion="no-preference")
    menu(page, "Horizontal").select_option(label="3 hue")
    page.wait_for_function("x => document.querySelector('#human .ring.chosen').getAttribute('cx') === x", arg=end)


def test_the_axes_tell_where_an_image_is(page, study):
    """The ring's place, read off the axis's ticks, is the coordinate that people gave."""
    image = validation_images(study)[7]
    choose_by_address(page, study["images"]["id"][image])
    ticks = page.eval_on_selector_all(
        "#human .axis:first-child .tick",
        "ticks => ticks.map((t) => [t.getBoundingClientRect().x, t.querySelector('text').textContent])",
    )
    centres = page.eval_on_selector_all(
        "#human .axis:first-child .tick line", "lines => lines.map((l) => l.getBoundingClientRect().x)"
    )
    values = [float(label.replace(MINUS, "-")) for _, label in ticks]
    x, _ = place(page, "human")
    slope = (values[-1] - values[0]) / (centres[-1] - centres[0])
    assert values[0] + slope * (x - centres[0]) == pytest.approx(study["human"]["places"][image][0], abs=0.03)


def test_models_seeds_and_layers_can_be_chosen_and_what_is_not_there_is_not_offered(page, study):
    def offered(label):
        return menu(page, label).locator("option").all_inner_texts()

    assert offered("Model") == ["lite0", "resnet50"]
    assert offered("Seed") == ["0", "1"]
    assert offered("Layer") == ["penultimate", "early"]
    menu(page, "Layer").select_option("early")
    assert "layer early" in page.locator("#distances").text_content()
    menu(page, "Seed").select_option("1")
    assert offered("Layer") == ["penultimate"]
    menu(page, "Model").select_option("resnet50")
    assert offered("Seed") == ["0"]
    image = validation_images(study)[0]
    choose_by_address(page, study["images"]["id"][image])
    expected = [study["images"]["id"][i] for i in study["runs"][3]["neighbours"][image]]
    assert neighbours(page, "model-space") == expected


def test_training_images_are_shown_with_a_warning(page):
    menu(page, "Images").select_option("training")
    assert "36 of 36 images, training" in text(page, "#human .caption")
    assert "rotation was learnt on these images" in text(page, "#model-space .caption")
    menu(page, "Images").select_option("validation")
    assert "rotation was learnt on these images" not in text(page, "#model-space .caption")


@pytest.mark.parametrize("plot", ["human", "model-space"])
def test_pointing_at_an_image_shows_it_in_both_spaces(page, study, plot):
    image = validation_images(study)[9]
    name = study["images"]["id"][image]
    choose_by_address(page, name)
    at = place(page, plot)
    page.locator("#human .stage").press("Escape")
    page.mouse.move(*at)
    assert text(page, "#name") == name
    assert "Gneiss · M · validation image" in text(page, "#kind")
    assert page.locator("#photograph").evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 20
    for k, row in enumerate(page.locator("#coordinates tr").all_inner_texts()):
        expected = [study["human"]["places"][image][k], study["runs"][0]["places"][image][k]]
        assert numbers(row) == pytest.approx(expected, abs=0.006)
        assert study["dimensions"][k] in row
    guesses = [study["labels"][label]["name"] for label, _ in study["guesses"][0][image]]
    assert page.locator("#guess-list .label").all_inner_texts() == guesses
    assert page.locator(".tip:visible strong").all_inner_texts() == [name]
    for other in ("human", "model-space"):
        assert page.locator(f"#{other} .ring.looked").count() == 1
    page.mouse.move(5, 5)
    assert page.locator(".ring.looked").count() == 0


def test_a_click_shows_the_nearest_neighbours_in_both_spaces(page, study):
    image = validation_images(study)[3]
    name = study["images"]["id"][image]
    choose_by_address(page, name)
    at = place(page, "model-space")
    page.locator("#human .stage").press("Escape")
    assert neighbours(page, "human") == []
    page.mouse.click(*at)
    found = {}
    for plot, space in (("human", study["human"]), ("model-space", study["runs"][0])):
        found[plot] = [study["images"]["id"][i] for i in space["neighbours"][image]]
        assert neighbours(page, plot) == found[plot]
        assert page.locator(f"#{plot} .to-neighbour").count() == len(found[plot])
    shared = set(found["human"]) & set(found["model-space"])
    assert {b.get_attribute("title") for b in page.locator("#human .neighbours .shared").all()} == shared
    assert f"{len(shared)} of 10 in both" in text(page, "#human .neighbours h3")
    page.locator("#model-space .neighbours button").first.click()
    assert f"Nearest to {found['model-space'][0]}" in text(page, "#model-space .neighbours h3")


def test_superclasses_and_subtypes_filter_both_plots(page):
    before = inked(page, "human")
    box = page.get_by_role("checkbox", name="Marble")
    box.check()
    assert text(page, "#tally") == "4 of 24 images"
    assert page.get_by_role("checkbox", name="M", exact=True).evaluate("box => box.indeterminate")
    page.get_by_role("checkbox", name="I", exact=True).check()
    assert text(page, "#tally") == "12 of 24 images"
    assert page.get_by_role("checkbox", name="Granite").is_checked()
    page.get_by_role("button", name="Show all").click()
    assert text(page, "#tally") == "24 of 24 images"
    assert not box.is_checked()
    box.check()
    menu(page, "Show as").select_option("points")
    assert 0 < inked(page, "human") < before


def test_right_and_wrong_guesses_add_up(page, study):
    shown = []
    for answer in ("right", "wrong"):
        menu(page, "Prediction").select_option(answer)
        shown.append(int(text(page, "#tally").split()[0]))
    images = validation_images(study)
    right = sum(study["guesses"][0][i][0][0] == study["images"]["label"][i] for i in images)
    assert shown == [right, len(images) - right]


def test_search_finds_names_and_subtypes_and_enter_goes_through_what_it_found(page):
    search = page.get_by_role("searchbox")
    search.fill("rock s")
    assert text(page, "#tally") == "4 of 24 images"
    assert "4 of 24" in spoken(page)
    search.press("Enter")
    assert text(page, "#name") == "S_Rock Salt_v0"
    search.press("Enter")
    assert text(page, "#name") == "S_Rock Salt_v1"
    search.fill("no such rock")
    assert text(page, "#tally") == "0 of 24 images"
    search.press("Enter")
    assert "0 of 24" in spoken(page)


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
        here = study["images"]["id"].index(text(page, "#name"))
        page.keyboard.press(key)
        there = study["images"]["id"].index(text(page, "#name"))
        step = study["human"]["places"][there][axis] - study["human"]["places"][here][axis]
        assert sign * step > 0 or there == here
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    assert "Selected: I_Basalt_v0" in spoken(page)
    assert "Nearest for people: " in spoken(page)
    assert len(neighbours(page, "human")) == 10
    page.keyboard.press("Escape")
    assert neighbours(page, "human") == []


def test_arrow_keys_reach_every_image(page, study):
    steps = page.evaluate(
        """count => {
            const stage = document.querySelector("#human .stage");
            const press = (key) => stage.dispatchEvent(new KeyboardEvent("keydown", { key }));
            const from = (image, key) => {
                press("Home");
                for (let i = 0; i < image; i++) press("PageDown");
                press(key);
                return document.getElementById("name").textContent;
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

    everything = ticks("human")
    stage = page.locator("#model-space .stage").bounding_box()
    page.mouse.move(stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2)
    page.mouse.wheel(0, -600)
    page.wait_for_function("location.hash.includes('zoom=')")
    assert ticks("human") == ticks("model-space") != everything
    zoomed = ticks("human")
    page.mouse.down()
    page.mouse.move(stage["x"] + 60, stage["y"] + 60, steps=4)
    page.mouse.up()
    assert ticks("human") == ticks("model-space") != zoomed
    assert page.locator(".ring.chosen").count() == 0
    page.get_by_role("group", name=re.compile("Zoom, People")).get_by_role("button", name="Reset zoom").click()
    assert ticks("human") == ticks("model-space") == everything
    page.locator("#human .stage").press("+")
    assert ticks("human") == ticks("model-space")
    assert "zoom=1.6" in address(page)
    page.locator("#human .stage").press("0")
    assert ticks("human") == everything


def test_photographs_come_where_there_is_room_and_marks_where_there_is_not(visit, path, page):
    menu(page, "Show as").select_option("points")
    points = inked(page, "human")
    menu(page, "Show as").select_option("photographs")
    photographs = inked(page, "human")
    assert photographs > 2 * points
    menu(page, "Show as").select_option("auto")
    assert inked(page, "human") == photographs


def test_a_link_shows_what_was_seen_when_it_was_copied(visit, page, path):
    menu(page, "Layer").select_option("early")
    menu(page, "Horizontal").select_option(label="4 tilt")
    page.get_by_role("checkbox", name="Chalk").check()
    page.get_by_role("searchbox").fill("chalk")
    choose_by_address(page, "S_Chalk_v2")
    page.locator("#human .stage").press("+")
    link = address(page)
    again = ready(visit(path, fragment=link))
    assert address(again) == link
    for selector in ("#tally", "#name", "#human .neighbours h3"):
        assert text(again, selector) == text(page, selector)
    for key in ("layer", "x"):
        assert again.locator(f"#{key}").input_value() == page.locator(f"#{key}").input_value()
    assert place(again, "human") == pytest.approx(place(page, "human"), abs=1)


@pytest.mark.parametrize("fragment", ["nonsense", "model=none&x=&y=99&images=moon&only=granite&zoom=a b c", "zoom=1e9 0 0&image=%00", "%E0%A4%A"])  # fmt: skip
def test_an_address_that_makes_no_sense_shows_the_whole_study(visit, path, fragment):
    page = ready(visit(path, fragment=fragment))
    assert text(page, "#tally") == "24 of 24 images"


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
    menu(page, "Images").select_option("training")
    page.get_by_role("button", name="Image", exact=True).click()
    assert "36 of 36" in text(page, "#table-caption")


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
    assert not page.locator("#search").is_visible()
    name = study["images"]["id"][validation_images(study)[2]]
    choose_by_address(page, name)
    page.locator("#human .stage").scroll_into_view_if_needed()
    at = place(page, "human")
    page.locator("#human .stage").press("Escape")
    page.touchscreen.tap(*at)
    assert text(page, "#name") == name
    assert page.locator(".tip:visible strong").all_inner_texts() == [name]
    assert len(neighbours(page, "human")) == 10
    assert page.locator("#human .stage").evaluate("stage => getComputedStyle(stage).touchAction") == "pan-y"
    assert page.evaluate("document.documentElement.scrollWidth") == 390


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
        """() => Object.fromEntries(["paper", "ground", "ink", "quiet", "warn", "right", "accent", "accent-ground",
            ...[0, 1, 2, 3, 4, 5, 6].map((i) => `mark-${i}`)].map((name) =>
            [name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()]))"""
    )
    for name in ("ink", "quiet", "warn", "right", "accent"):
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
    assert contrast(colours["quiet"], colours["ground"]) >= 4.5
    assert contrast(colours["ink"], colours["accent-ground"]) >= 4.5
    for i in range(7):
        assert contrast(colours[f"mark-{i}"], colours["paper"]) >= 3, i


def test_names_that_look_like_markup_are_shown_as_they_are(visit, tmp_path):
    labels, groups = [HOSTILE, "b & <b>bold</b>", "c"], [HOSTILE, "`${1}`", "$study"]
    path, _ = build(
        tmp_path, labels, groups, RUNS[:1], validation=5, title=HOSTILE, dimensions=[HOSTILE, "a", "<i>", "d"]
    )
    page = ready(visit(path))
    open_table(page)
    page.locator("#human .stage").press("Home")
    page.keyboard.press("Enter")
    assert page.title() == f"{HOSTILE}: explorer"
    assert HOSTILE in text(page, "#name")
    assert HOSTILE in text(page, "#labels")
    assert HOSTILE in text(page, "#table")
    assert page.locator("#human .axis-title").first.text_content() == HOSTILE
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
    page.locator("#human .stage").press("Home")
    assert "Predicted" not in spoken(page)
    assert not menu(page, "Prediction").is_visible()
    assert not page.locator("#guess-section").is_visible()
    assert text(page, "#kind") == "a · validation image"
    colours = {mark.get_attribute("style") for mark in page.locator("#labels .mark path").all()}
    shapes = {mark.get_attribute("d") for mark in page.locator("#labels .mark path").all()}
    assert (len(colours), len(shapes)) == (7, 6)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1366, 390])
def test_an_audit_of_accessibility_finds_nothing(visit, path, study, width, dark):
    page = ready(visit(path, width=width, dark=dark))
    assert obstacles(page) == []
    choose_by_address(page, study["images"]["id"][validation_images(study)[0]])
    open_table(page)
    assert obstacles(page) == []


def test_the_audit_of_accessibility_finds_what_is_there(visit, tmp_path):
    (tmp_path / "page.html").write_text("<title>x</title><main><h1>x</h1><button></button></main>")
    found = "\n".join(obstacles(visit(tmp_path / "page.html")))
    assert "Buttons must have discernible text" in found
    assert "lang attribute" in found
