"""Load time, frame time and size of the explorer with many images: `python tests/benchmarks/explorer.py`.

A study of 5,000 drawn images (4,500 of them shown at once) becomes a page, which a headless Chromium opens from disk at
1366 x 768. `points_ms` is when the axes and points are there, `load_ms` when the photographs are drawn too; a frame is the time from one repaint to the next while the pointer
drags or the wheel turns at every frame (16.7 ms is what a screen of 60 Hz allows).

`--photographs FOLDER` puts real photographs in place of drawn ones, over and over; `--page FILE` measures a page that exists.
"""

import argparse
import itertools
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

LABELS, TRAIN, VALIDATION = 50, 10, 90

FRAMES = """async ({ drag, frames }) => {
    const stage = document.querySelector(".stage");
    const box = stage.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const repaint = () => new Promise(requestAnimationFrame);
    const event = (kind, type, more) => new kind(type, { bubbles: true, cancelable: true, view: window, ...more });
    const at = (i) => ({ clientX: x + 60 * Math.sin(i / 6), clientY: y + 40 * Math.cos(i / 6) });
    const between = [];
    if (drag) stage.dispatchEvent(event(MouseEvent, "mousedown", at(0)));
    let before = await repaint();
    for (let i = 1; i <= frames; i++) {
        if (drag) window.dispatchEvent(event(MouseEvent, "mousemove", at(i)));
        else stage.dispatchEvent(event(WheelEvent, "wheel", { clientX: x, clientY: y, deltaY: i % 40 < 20 ? -60 : 60 }));
        const now = await repaint();
        between.push(now - before);
        before = now;
    }
    if (drag) window.dispatchEvent(event(MouseEvent, "mouseup", at(frames)));
    return between;
}"""


def write_page(folder: Path, photographs: Path | None) -> Path:
    """Write a study and its page."""
    from explorer_study import write_study
    from rockspace.data.catalog import read_catalog
    from rockspace.report.explorer.page import explorer_page
    from rockspace.report.explorer.photographs import embed_photographs
    from rockspace.report.explorer.study import describe_study

    labels = [f"label {i:02d}" for i in range(LABELS)]
    runs = write_study(
        folder, labels=labels, superclasses=[f"group {i % 5}" for i in range(LABELS)], train=TRAIN,
        validation=VALIDATION, runs=[("first", 0, "early"), ("first", 0, "penultimate"), ("second", 0, "penultimate")],
        side=160, statistics=False,
    )  # fmt: skip
    catalog = read_catalog(folder / "catalog.csv")
    coordinates = {split: folder / f"coordinates/{split}.csv" for split in ("train", "validation")}
    paths = [folder / path for path in catalog["path"]]
    if photographs:
        found = sorted(path for path in photographs.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
        paths = list(itertools.islice(itertools.cycle(found), len(paths)))
    start = time.perf_counter()
    study = describe_study(catalog, coordinates, runs, reflection=True, metric="euclidean")
    page = folder / "explorer.html"
    page.write_text(explorer_page("many", study | embed_photographs(paths, 2)), encoding="utf-8")
    print(f"{len(catalog):,} images: page written in {time.perf_counter() - start:.1f} s")
    return page


def measure(page: Path) -> dict[str, float]:
    """Open a page three times and move through it; return medians (ms) and its size (MB)."""
    points, loads, frames = [], [], {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for _ in range(3):
            tab = browser.new_context(viewport={"width": 1366, "height": 768}, offline=True).new_page()
            start = time.perf_counter()
            tab.goto(page.resolve().as_uri(), wait_until="commit")
            tab.wait_for_function("() => document.querySelectorAll('.stage .axis line').length > 4", timeout=120_000)
            points.append(1000 * (time.perf_counter() - start))
            tab.wait_for_selector(".plots:not([aria-busy])", state="attached", timeout=120_000)
            loads.append(1000 * (time.perf_counter() - start))
            for kind, drag in (("drag", True), ("wheel", False)):
                found = tab.evaluate(FRAMES, {"drag": drag, "frames": 120})
                frames.setdefault(kind, []).extend(found[5:])
            tab.context.close()
        browser.close()
    figures = {
        "size_mb": page.stat().st_size / 1e6,
        "points_ms": float(np.median(points)),
        "load_ms": float(np.median(loads)),
    }
    for kind, times in frames.items():
        figures |= {f"{kind}_ms": float(np.median(times)), f"{kind}_95_ms": float(np.quantile(times, 0.95))}
    return {name: round(value, 1) for name, value in figures.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(given.page or write_page(Path(folder), given.photographs)), indent=1))
