"""The report as its readers open it: from disk, in a real browser, with the network off."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from browser import obstacles
from rockspace.report.columns import TABLES, cells
from workflow_runs import ROOT

LAPTOP, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844, "touch": True}
CATEGORIES = ("Overview", "Data", "Training", "Alignment", "Comparison")


@pytest.fixture(scope="module")
def report(finished) -> Path:
    path = finished.folder / "results/tiny/report.html"
    stylesheet = str(ROOT / "workflow/report/report.css")
    result = finished.snakemake("--report", str(path), "--report-stylesheet", stylesheet)
    assert result.returncode == 0, result.stdout + result.stderr
    return path


def content(page):
    return page.locator("#app > div > div.overflow-auto")


def test_a_report_holds_no_configuration_as_parameters_which_may_name_folders_of_this_machine(report):
    params = re.findall(r'"params": "(.+?), code=', report.read_text(encoding="utf-8"))
    assert any("networks=" in each for each in params)  # those of the overview
    assert not any("early_stopping" in each or "dataset" in each for each in params)


def test_the_front_page_answers_in_one_screen(visit, report, finished):
    page = visit(report, **LAPTOP)
    front = content(page).locator(".overview")
    text = front.text_content()
    summary = pd.read_csv(finished.folder / "results/tiny/summary.csv").iloc[0]
    null = [f"{summary[f'held_out_mean_r_null{end}']:.3f}" for end in ("", "_low", "_high")]
    for words in (
        "tiny",
        "On 12 drawn images that it was not trained on, lite0's penultimate layer follows the 8 drawn dimensions",
        f"r = {summary['held_out_mean_r']:.2f}",
        f"{100 * summary['validation_top1']:.1f} %",
        f"({100 * summary['validation_top1_low']:.1f} to {100 * summary['validation_top1_high']:.1f})",
        "25.0 %",
        f"{summary['held_out_mean_r']:.3f}",
        f"({summary['held_out_mean_r_low']:.3f} to {summary['held_out_mean_r_high']:.3f})",
        null[0],
        f"({null[1]} to {null[2]})",
        f"{summary['in_sample_mean_r']:.3f}",
        f"{summary['ridge_held_out_mean_r']:.3f}",
    ):
        assert words in text, words
    assert "Sanders" not in front.inner_text()
    assert 0 <= front.locator(".answer").bounding_box()["y"] < 100
    figure = front.locator(".profile").bounding_box()
    assert figure["y"] + figure["height"] < 900
    front.get_by_text("Run times", exact=True).click()
    front.get_by_text("Provenance", exact=True).click()
    assert "one after the other" in front.inner_text()
    assert "tensorflow 2." in front.inner_text()


@pytest.mark.parametrize("window", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_every_item_opens_whole_and_has_a_caption(visit, report, window):
    captions = {" ".join(file.read_text().split()) for file in report.parent.rglob("*.caption.txt")}
    page = visit(report, **window)
    opened = []
    for category in CATEGORIES:
        page.get_by_role("link", name=category, exact=True).click()
        rows = page.locator("nav tbody tr")
        for i in range(rows.count()):
            name = " ".join(rows.nth(i).inner_text().split())
            look, about = rows.nth(i).locator("td").last.locator("a").all()
            look.click()
            picture = content(page).locator("img")
            if "overview" in name or "table" in name:
                assert page.frame_locator("iframe").get_by_role("heading", level=1).inner_text()
            else:
                picture.evaluate("image => image.decode()")
                box = picture.bounding_box()
                # Nothing is above the scrolled area's start, where no scrolling would reach it, or beside it.
                assert box["y"] >= content(page).bounding_box()["y"], name
                assert box["x"] >= 0, name
                assert box["x"] + box["width"] <= window["width"], name
            about.click()
            said = page.locator("nav .prose").inner_text()
            assert len(said) > 60, name
            if picture.count():
                # The caption that lies beside the picture, seen together with it.
                assert " ".join(said.split()) in captions, name
                assert picture.is_visible(), name
            opened.append(name)
            page.evaluate("category => app.showCategory(category)", category)
        page.evaluate("app.setView({navbarMode: 'menu'})")
    assert len(opened) == 15
    for general, drawn in (("Statistics", "#timeline canvas"), ("Workflow", "#rulegraph canvas")):
        page.get_by_role("link", name=general, exact=True).click()
        content(page).locator(drawn).wait_for()
    page.get_by_role("link", name="About", exact=True).click()
    page.locator("nav li", has_text="vega-lite").wait_for()


def test_on_a_phone_the_front_page_is_read_by_scrolling_down_alone(visit, report):
    page = visit(report, **PHONE)
    sideways = page.evaluate(
        "[...document.querySelectorAll('.overview h1, .overview p, .overview dd, nav')]"
        ".filter(e => e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < 0).length"
    )
    assert sideways == 0
    assert page.locator(".overview h1").bounding_box()["y"] < 844


def test_the_overview_and_the_tables_are_pages_of_their_own(visit, finished):
    results = finished.folder / "results/tiny"
    page = visit(results / "overview.html", **PHONE)
    assert page.title() == "tiny: overview"
    page.get_by_text("The whole configuration").click()
    assert "holdout_fraction: 0.25" in page.locator("pre").inner_text()
    assert obstacles(page) == []
    for name in ("summary", "comparison"):
        page = visit(results / f"tables/{name}.html")
        assert obstacles(page) == []
        table = pd.read_csv(results / f"{name}.csv")
        assert page.locator("tbody tr").count() == len(table)
        if name == "summary":
            # The seed stands in the name of a network that has several.
            assert page.locator("thead th").count() == len(cells(table.to_dict("records"), TABLES[name])) - 1
        with page.expect_download() as download:
            page.get_by_role("link", name=f"{name}.csv").click()
        assert Path(download.value.path()).read_bytes() == (results / f"{name}.csv").read_bytes()


def clone(folder: Path, snakemake: str) -> Path:
    """A folder in which the Makefile runs a script in place of Snakemake."""
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / "config").symlink_to(ROOT / "config")
    (folder / ".venv/bin/python").symlink_to(sys.executable)
    stand_in = folder / ".venv/bin/snakemake"
    stand_in.write_text(f"#!/bin/sh\n{snakemake}\n")
    stand_in.chmod(0o755)
    return folder


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    command = ["make", "-s", "-f", ROOT / "Makefile", "-o", ".venv/complete", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | environment)


@pytest.mark.parametrize(
    ("target", "study"),
    [
        (["demo"], "demo"),
        (["study"], "rocks"),
        (["study", "CONFIG=own.yaml"], "own"),
        (["demo", "CONFIG=own.yaml"], "own"),
    ],
)
def test_a_run_with_nothing_to_do_says_where_its_result_is(tmp_path, target, study):
    place = clone(tmp_path / "here", 'echo "$@"; [ -z "$PAGE" ] || { sleep 1.1; touch "$PAGE"; }')
    (place / "own.yaml").write_text("study: own\n")
    page = place / f"results/{study}/overview.html"
    page.parent.mkdir(parents=True)
    page.touch()
    os.utime(page, (time.time() - 100,) * 2)
    asked, said = make(place, *target).stdout.splitlines()
    assert asked.split()[-1] == {"demo": "config/demo.yaml", "rocks": "config/config.yaml", "own": "own.yaml"}[study]
    assert said == f"open results/{study}/overview.html"
    assert make(place, *target, PAGE=str(page)).stdout == f"{asked}\n"


def test_make_report_is_of_the_run_made_last_unless_a_config_is_named(tmp_path):
    """Wherever that run's results are; and an older page stays until there is a newer."""
    script = 'echo "$PWD" "$@" >"$LOG"; for last; do :; done; echo new >"$last"; exit $STATUS'
    place = clone(tmp_path / "a place", script)

    def report(*arguments: str, status: int = 0) -> tuple[str, str]:
        """Return the last line that was shown, and what Snakemake was asked for."""
        done = make(place, "report", *arguments, LOG=str(tmp_path / "log"), STATUS=str(status))
        assert (done.returncode == 0) == (status == 0), done.stderr
        return done.stdout.strip(), (tmp_path / "log").read_text()

    (place / "results/rocks").mkdir(parents=True)
    assert report()[0] == "open results/rocks/report.html"
    for age, study in ((100, "made-before"), (1, "made-last")):
        file = place / f"results/{study}/config.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(f"study: {study}\n")
        file.with_name("overview.html").touch()
        os.utime(file.with_name("overview.html"), (time.time() - age,) * 2)
    said, asked = report()
    assert said == "open results/made-last/report.html"
    assert f"--directory {place} --configfile results/made-last/config.yaml" in asked
    (place / "results/demo").mkdir()
    assert report("CONFIG=config/demo.yaml")[0] == "open results/demo/report.html"
    elsewhere = tmp_path / "else where/results/far"
    elsewhere.mkdir(parents=True)
    (elsewhere / "config.yaml").write_text("study: far\n")
    (elsewhere / "report.html").write_text("older")
    far = f"CONFIG={elsewhere}/config.yaml"
    report(far, status=1)
    assert (elsewhere / "report.html").read_text() == "older"
    said, asked = report(far)
    assert said == f"open {elsewhere}/report.html"
    assert f"--directory {elsewhere.parents[1]} --configfile {elsewhere}/config.yaml" in asked
    assert (elsewhere / "report.html").read_text() == "new\n"


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("study", "it's a `touch pwned`;touch pwned.yaml"),
        ("verify", "$(touch pwned) && touch pwned #.yaml"),
        ("dag", '*" || touch pwned.yaml'),
        ("report", "a b.yaml"),
        ("study", "$(shell touch pwned) ${PATH} $$ $1.yaml"),
    ],
)
def test_names_of_configurations_are_names_to_make_and_never_commands(target, name, tmp_path):
    place = clone(tmp_path / "here", 'printf "%s\\n" "$@" >>asked.txt; for last; do :; done; echo >"$last"')
    (place / name).write_text("study: x\n")
    cores = "1; touch pwned $(shell touch pwned)"
    for given in ({"arguments": (f"CONFIG={name}", f"CORES={cores}")}, {"CONFIG": name, "CORES": cores}):
        make(place, target, *given.pop("arguments", ()), **given)
        asked = (place / "asked.txt").read_text().splitlines()
        assert asked[asked.index("--configfile") + 1] == name
        assert asked[asked.index("--cores") + 1] == cores
        (place / "asked.txt").unlink()
    assert not (place / "pwned").exists()


def test_make_report_of_a_configuration_that_snakemake_refuses_says_no_more_than_snakemake(tmp_path):
    place = clone(tmp_path / "here", 'echo "error: none.yaml: there is no such config file" >&2; exit 1')
    done = make(place, "report", "CONFIG=none.yaml")
    assert [line for line in done.stderr.splitlines() if not line.startswith("make: ")] == [
        "error: none.yaml: there is no such config file"
    ]


def test_a_folder_of_results_with_a_name_that_is_a_command_is_only_a_name(tmp_path):
    place = clone(tmp_path / "here", 'printf "%s\\n" "$@" >>asked.txt; for last; do :; done; echo >"$last"')
    (place / "results/`touch pwned`$(touch pwned)").mkdir(parents=True)
    (place / "results/`touch pwned`$(touch pwned)/config.yaml").write_text("study: x\n")
    (place / "results/`touch pwned`$(touch pwned)/overview.html").touch()
    make(place, "report")
    assert "results/`touch pwned`$(touch pwned)/config.yaml" in (place / "asked.txt").read_text()
    assert not (place / "pwned").exists()


def test_the_configuration_beside_the_results_makes_the_very_run_again(finished):
    written = finished.folder / "results/tiny/config.yaml"
    assert finished.planned("--configfile", str(written)) == {}
