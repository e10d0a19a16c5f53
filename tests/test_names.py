"""Names from outside never leave the folder that they are meant for."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rockspace.data.names import LONGEST_NAME_BYTES, check_name, check_path, place
from rockspace.errors import RockspaceError

HOSTILE = ["", "..", "..\\", "C:", "c:\\", "/etc", *"./\\~a\0\n\u2028\ud800"]
pieces = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=4), max_size=6)
paths = pieces.map("".join) | pieces.map("/".join)


@given(path=paths)
@example(path="360 Rocks/../../escaped.jpg")
@example(path="/absolute.jpg")
@example(path="360 Rocks/C:\\escaped.jpg")
def test_a_path_is_refused_in_one_line_or_stays_below_the_root(path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    root = outside / "raw"
    root.mkdir()
    refusal = None
    try:
        target = place(root, path)
        target.write_bytes(b"content")
    except RockspaceError as error:
        refusal = str(error)
    if refusal:
        assert refusal.isprintable()
        assert os.listdir(root) == []
    else:
        assert Path(os.path.normpath(target)) == target
        assert target.resolve().is_relative_to(root.resolve())
        assert target.relative_to(root).as_posix() == path
    assert os.listdir(outside) == ["raw"]


@given(name=st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_a_name_that_passes_is_one_segment_on_every_system(name):
    try:
        check_name(name)
    except RockspaceError:
        return
    assert name not in ("", ".", "..")
    assert not set(name) & set("/\\\0\n\r")
    assert name[1:2] != ":" or not name[0].isascii() or not name[0].isalpha()
    assert len(name.encode()) <= LONGEST_NAME_BYTES


@pytest.mark.parametrize(
    "path",
    [
        "I_Andesite_01.jpg",
        "120 Rocks/S_Bituminous Coal_1_120.jpg",
        "M_Marble_3_1201.jpg",
        "Gr\u00fcnschiefer.jpg",
        "...",
    ],
)
def test_names_as_published_pass(path):
    assert check_path(path) == path


@pytest.mark.parametrize("linked", ["folder", "folder/inner", "folder/inner/file.jpg"])
def test_a_symbolic_link_anywhere_on_the_way_is_refused(linked, tmp_path):
    root, elsewhere = tmp_path / "raw", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (root / linked).parent.mkdir(parents=True)
    (root / linked).symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(RockspaceError, match="symbolic link"):
        place(root, "folder/inner/file.jpg")
    assert os.listdir(elsewhere) == []
