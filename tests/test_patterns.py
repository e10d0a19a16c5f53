"""Patterns name the files that a shell would name, and only folders that can hold one are entered."""

import glob
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rockspace.data import patterns, splits
from rockspace.data.patterns import Child, find, matches, may_hold, select, wanted_patterns
from rockspace.data.splits import match_name
from rockspace.errors import RockspaceError

names = st.sampled_from(["a", "b", "ab", "ab.jpg", "b.JPG", ".jpg", ".hidden", "[a]", "a b.jpg"])
trees = st.sets(st.lists(names, min_size=1, max_size=3).map("/".join), min_size=1, max_size=12)
segments = st.sampled_from(["*", "**", "a*", "*.jpg", "?b*", "[ab]*", ".*", "a", "ab.jpg", "[!a]*", "[[]a]"])
globs = st.lists(segments, min_size=1, max_size=3).map("/".join)


def children(folder: Path) -> Iterator[Child]:
    for entry in os.scandir(folder):
        yield Child(entry.name, entry.is_dir(), Path(entry.path))


def planted(tree: set[str], root: Path) -> Path:
    for path in sorted(tree):
        if not any(other.startswith(f"{path}/") for other in tree):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()
    return root


@settings(max_examples=200, deadline=None)
@given(tree=trees, pattern=globs)
def test_the_files_found_are_those_that_glob_finds(tree, pattern, tmp_path_factory):
    root = planted(tree, tmp_path_factory.mktemp("tree"))
    shown = glob.glob(pattern, root_dir=root, recursive=True)
    expected = {path for path in shown if not path.endswith("/") and (root / path).is_file()}
    if expected:
        found = find(root, children, [pattern], "here")
        assert set(found) == expected
        assert list(found) == sorted(found)
        assert all(file == root / path for path, file in found.items())
    else:
        with pytest.raises(RockspaceError, match="matches no file in here"):
            find(root, children, [pattern], "here")


def test_accents_are_the_same_however_they_are_written(tmp_path):
    planted({"Gro\u0308\u00dfe/bl\u00fcte.jpg"}, tmp_path)
    assert len(find(tmp_path, children, ["Gr\u00f6\u00dfe/blu\u0308*.jpg"], "here")) == 1


def test_names_that_a_pattern_misses_by_case_or_blanks_alone_are_told(tmp_path, caplog):
    planted({"a/1.jpg", "a/2.JPG", "a/3.jpg ", "a/4.png", "b/5.JPG"}, tmp_path)
    assert list(find(tmp_path, children, ["a/*.jpg"], "here")) == ["a/1.jpg"]
    (told,) = (record.getMessage() for record in caplog.records)
    assert told.startswith("here: left out 'a/2.JPG', 'a/3.jpg ': case, or blanks at the end")


@given(tree=trees, pattern=globs)
def test_every_folder_above_a_match_may_hold_it(tree, pattern):
    for path in tree:
        if matches(path, pattern):
            parts = path.split("/")
            assert all(may_hold("/".join(parts[:depth]), pattern) for depth in range(1, len(parts)))


@pytest.mark.parametrize(
    ("folder", "pattern", "is_entered"),
    [
        ("360 Rocks", "360 Rocks/*.jpg", True),
        ("120 Rocks", "360 Rocks/*.jpg", False),
        ("360 Rocks/thumbnails", "360 Rocks/*.jpg", False),
        ("360 Rocks", "mds_360.txt", False),
        ("360 Rocks", "*.txt", False),
        ("any/depth", "**/*.jpg", True),
    ],
)
def test_a_folder_is_entered_only_for_what_can_be_in_it(folder, pattern, is_entered):
    assert may_hold(folder, pattern) == is_entered


NAMES = ["Stimuli [final]", "{a}", "(1)", "a (1) [b]", " spaces at ends ", "#", "%20", "!x", "a+b", "~", "$HOME", "x,y"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pattern", ["{}/*.jpg", "**/{}/*.jpg", "top/{}/x.jpg", "top/*/{}", "top/{}/**"])
def test_a_name_with_characters_of_patterns_names_itself(name, pattern, tmp_path):
    folder = "" if pattern.startswith("{}") else "top/"
    for path in (f"{folder}{name}/x.jpg", f"{folder}other/f/x.jpg", f"{folder}other/{name}"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    wanted = f"{folder}other/{name}" if pattern.endswith("{}") else f"{folder}{name}/x.jpg"
    assert list(find(tmp_path, children, [pattern.format(name)], "here")) == [wanted]


def test_paths_are_selected_as_files_are_found():
    paths = ["a [b]/1.png", "a [b]/2.JPG", "a b/3.png", "a [b]/c/4.png"]
    assert select(paths, "a [b]/*.png") == ["a [b]/1.png"]
    assert select(paths, "a [b]/*.[pj][np]g") == ["a [b]/1.png"]
    assert select(paths, "**/*.png") == ["a [b]/1.png", "a b/3.png", "a [b]/c/4.png"]


def test_brackets_are_a_set_where_no_name_has_them():
    def listed(*names: str) -> list[str]:
        return list(find("root", lambda _: [Child(name, False, name) for name in names], ["[ab]_*.jpg"], "here"))

    assert listed("a_1.jpg", "b_1.jpg", "c_1.jpg") == ["a_1.jpg", "b_1.jpg"]
    assert listed("a_1.jpg", "[ab]_1.jpg") == ["[ab]_1.jpg"]


def test_wildcards_in_names_are_escaped_as_the_error_says():
    listing = [Child(name, False, name) for name in ("what?.jpg", "whats.jpg", "a*b.jpg", "[x].jpg")]
    for pattern, names in [("what[?].jpg", ["what?.jpg"]), ("a[*]b.jpg", ["a*b.jpg"]), ("[[]x].jpg", ["[x].jpg"])]:
        assert list(find("root", lambda _: listing, [pattern], "here")) == names
    with pytest.raises(RockspaceError, match=r"stands in brackets: \[\[\] \[\*\] \[\?\]"):
        find("root", lambda _: listing, ["[yz].png"], "here")


def test_what_is_there_is_shown_for_folders_with_brackets(tmp_path):
    (tmp_path / "Stimuli [final]").mkdir()
    (tmp_path / "Stimuli [final]/a.jpg").touch()
    with pytest.raises(RockspaceError, match=r"found: 'Stimuli \[final\]/a\.jpg'"):
        find(tmp_path, children, ["Stimuli [final]/*.png"], "here")


def test_folders_without_end_are_given_up():
    with pytest.raises(RockspaceError, match="more than 100 deep"):
        find("root", lambda _: [Child("again", True, "root")], ["**/*.jpg"], "here")


def test_patterns_that_take_longer_than_anyone_waits_are_given_up(monkeypatch):
    assert match_name(r"(?P<label>(A+)+)_x", "A_x")["label"] == "A"
    monkeypatch.setattr(patterns, "MATCHING_S", 0.1)
    monkeypatch.setattr(splits, "MATCHING_S", 0.1)
    with pytest.raises(RockspaceError, match=r"the pattern '\*\*/a/.* takes too long to be compared"):
        matches("/".join("a" * 100), "**/a/" * 10 + "b")
    with pytest.raises(RockspaceError, match=r"dataset\.filename: '\(\?P<label>\(A\+\)\+\)_x' takes too long"):
        match_name(r"(?P<label>(A+)+)_x", "A" * 60)


def test_a_limit_in_time_leaves_an_older_alarm_and_other_threads_alone():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append("rung"))
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    assert matches("a.jpg", "*.jpg")
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(matches, "a.jpg", "*.jpg").result()
    time.sleep(0.3)
    signal.signal(signal.SIGALRM, before)
    assert rung == ["rung"]


def test_one_path_with_two_contents_is_refused():
    listing = [Child("a.jpg", False, "one"), Child("a.jpg", False, "other")]
    with pytest.raises(RockspaceError, match=r"lists 'a\.jpg' twice"):
        find("root", lambda _: listing, ["*.jpg"], "here")


@pytest.mark.parametrize("other", [Child("\u00e9.jpg", True, "folder"), Child("e\u0301.jpg", False, "file")])
def test_names_that_are_one_on_some_file_systems_are_refused(other):
    def children(item):
        return [Child("\u00e9.jpg", False, "file"), other] if item == "root" else []

    with pytest.raises(
        RockspaceError, match="twice, as a file and a folder or with accents written in two ways; rename one"
    ):
        find("root", children, ["**/*.jpg"], "the node")


def test_the_same_entry_on_two_pages_is_one_file():
    listing = [Child("a.jpg", False, "one"), Child("a.jpg", False, "one")]
    assert find("root", lambda _: listing, ["*.jpg"], "here") == {"a.jpg": "one"}


def test_an_error_shows_a_few_names_and_counts_the_rest():
    listing = [Child(f"{letter}.jpg", False, letter) for letter in "abcdefghijkl"]
    with pytest.raises(RockspaceError, match=r"found: 'a\.jpg', .*'e\.jpg' and 7 more$"):
        find("root", lambda _: listing, ["*.png"], "here")


def test_the_splits_name_each_pattern_once():
    splits = {
        "train": {"images": "360 Rocks/*.jpg", "coordinates": "mds.txt"},
        "validation": {"images": "120 Rocks/*.jpg", "coordinates": "mds.txt"},
    }
    assert wanted_patterns(splits) == ["360 Rocks/*.jpg", "mds.txt", "120 Rocks/*.jpg"]


@pytest.mark.parametrize("pattern", ["/etc/*.jpg", "../*.jpg", "360 Rocks/../*.jpg", "./*.jpg", "360 Rocks//*.jpg"])
def test_a_pattern_that_leaves_the_archive_is_refused(pattern):
    with pytest.raises(RockspaceError, match="must be relative to the archive's root"):
        wanted_patterns({"train": {"images": pattern, "coordinates": "mds.txt"}})
