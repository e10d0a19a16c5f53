"""The manifest says what lies in ``raw/``, the same for the same files, and finds what has changed."""

import json
import os
import shutil
import subprocess

import pytest

from rockspace.data.manifest import Entry, describe, lost_files, read_manifest, verify, write_manifest
from rockspace.errors import RockspaceError


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    (folder / "360 Rocks").mkdir(parents=True)
    (folder / "360 Rocks" / "I_Andesite_01.jpg").write_bytes(b"\xff\xd8" + bytes(3_000_000))
    (folder / "mds_360.txt").write_text("1 2 3\n")
    return folder


@pytest.fixture
def manifest(raw, tmp_path):
    path = tmp_path / "raw.manifest.json"
    write_manifest(path, [describe(raw / name, name) for name in ("mds_360.txt", "360 Rocks/I_Andesite_01.jpg")])
    return path


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="coreutils are the reference")
def test_checksums_are_those_of_coreutils(raw):
    file = raw / "360 Rocks" / "I_Andesite_01.jpg"
    entry = describe(file, "x", "https://osf.io/download/x")
    for command, found in [("md5sum", entry.md5), ("sha256sum", entry.sha256)]:
        assert subprocess.run([command, file], capture_output=True, text=True, check=True).stdout.split()[0] == found
    assert entry.size == 3_000_002


def test_it_is_sorted_reproducible_and_read_back(raw, manifest, tmp_path):
    entries = verify(raw, manifest)
    assert [entry.path for entry in entries] == ["360 Rocks/I_Andesite_01.jpg", "mds_360.txt"]
    assert read_manifest(manifest) == entries
    assert set(json.loads(manifest.read_text())[0]) == {"path", "size", "md5", "sha256", "url"}
    again = tmp_path / "again.json"
    write_manifest(again, reversed(entries))
    assert again.read_bytes() == manifest.read_bytes()


def test_a_missing_file_is_named(raw, manifest):
    (raw / "mds_360.txt").unlink()
    with pytest.raises(
        RockspaceError, match=r"raw/mds_360\.txt is missing, but raw\.manifest\.json lists it"
    ) as caught:
        verify(raw, manifest)
    assert "--forcerun download" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert lost_files(raw, manifest) == ["mds_360.txt"]


def test_a_changed_file_of_the_same_size_is_named(raw, manifest):
    (raw / "mds_360.txt").write_text("1 2 4\n")
    with pytest.raises(RockspaceError, match=r"raw/mds_360\.txt is not the file that raw\.manifest\.json lists"):
        verify(raw, manifest)
    assert lost_files(raw, manifest) == []


def test_a_truncated_file_is_named_and_seen_at_a_glance(raw, manifest):
    (raw / "mds_360.txt").write_text("1 2")
    with pytest.raises(RockspaceError, match=r"mds_360\.txt"):
        verify(raw, manifest)
    assert lost_files(raw, manifest) == ["mds_360.txt"]


def test_a_folder_in_the_place_of_a_file_is_named(raw, manifest):
    (raw / "mds_360.txt").unlink()
    (raw / "mds_360.txt").mkdir()
    with pytest.raises(RockspaceError, match=r"mds_360\.txt cannot be read"):
        verify(raw, manifest)
    assert lost_files(raw, manifest) == ["mds_360.txt"]


def test_without_raw_every_file_is_lost_and_without_a_manifest_none(raw, manifest):
    shutil.rmtree(raw)
    assert lost_files(raw, manifest) == ["360 Rocks/I_Andesite_01.jpg", "mds_360.txt"]
    manifest.unlink()
    assert lost_files(raw, manifest) == []
    with pytest.raises(RockspaceError, match="cannot be read"):
        verify(raw, manifest)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "null",
        "[1]",
        '[{"path": "a"}]',
        '{"files": []}',
        '[{"path": 1, "size": 1, "md5": "", "sha256": ""}]',
    ],
)
def test_a_malformed_manifest_is_one_line_and_counts_as_lost(content, raw, manifest):
    manifest.write_text(content)
    with pytest.raises(RockspaceError, match="is not a manifest") as caught:
        verify(raw, manifest)
    assert "\n" not in str(caught.value)
    assert lost_files(raw, manifest) == ["raw.manifest.json"]


def test_a_folder_or_a_pipe_in_the_place_of_the_manifest_counts_as_lost(raw, manifest):
    manifest.unlink()
    os.mkfifo(manifest)
    assert lost_files(raw, manifest) == ["raw.manifest.json"]
    manifest.unlink()
    manifest.mkdir()
    assert lost_files(raw, manifest) == ["raw.manifest.json"]


def test_a_manifest_that_names_a_file_outside_raw_is_refused(raw, manifest, tmp_path):
    (tmp_path / "secret").write_text("x")
    entry = describe(tmp_path / "secret", "../secret")
    write_manifest(manifest, [entry])
    with pytest.raises(RockspaceError, match="refused"):
        verify(raw, manifest)


def test_a_manifest_that_cannot_be_written_leaves_the_older_one(raw, manifest):
    before = manifest.read_bytes()
    with pytest.raises(TypeError):
        write_manifest(manifest, [Entry("a", 1, object(), "")])
    assert manifest.read_bytes() == before
    assert sorted(path.name for path in manifest.parent.iterdir()) == ["raw", "raw.manifest.json"]
