"""Taking a local copy of the archive, or drawing it: what is copied, refused, and left untouched."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from rockspace.data import patterns
from rockspace.data.archive import fetch
from rockspace.data.manifest import read_manifest, verify
from rockspace.data.restructuring import sorted_images
from rockspace.errors import RockspaceError
from rockspace.people.proposal import propose_dataset

SPLITS = {
    "train": {"images": "360 Rocks/*.jpg", "coordinates": "mds_360.txt"},
    "validation": {"images": "120 Rocks/*.jpg", "coordinates": "mds_120.txt"},
}
WANTED = ["120 Rocks/S_Rock Salt_1_120.jpg", "360 Rocks/I_Andesite_01.jpg", "mds_120.txt", "mds_360.txt"]
SHM = Path("/dev/shm")


@pytest.fixture
def source(tmp_path):
    return planted(tmp_path / "copy")


def planted(folder: Path) -> Path:
    for path in [*WANTED, "notes.docx", "Raw data/subjects.csv"]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"content of {path}")
    return folder


def take(source: Path | str, study: Path) -> tuple[Path, Path]:
    raw, manifest = study / "raw", study / "raw.manifest.json"
    fetch({"source": "directory", "directory": str(source), "splits": SPLITS}, raw, manifest)
    return raw, manifest


def files_below(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_raw_holds_copies_of_the_wanted_files_and_no_write_reaches_the_source(source, tmp_path):
    before = {path: (source / path).read_bytes() for path in files_below(source)}
    raw, manifest = take(source, tmp_path / "study")
    assert files_below(raw) == WANTED
    assert {path: (raw / path).read_bytes() for path in WANTED} == {path: before[path] for path in WANTED}
    assert [(entry.path, entry.url) for entry in verify(raw, manifest)] == [(path, None) for path in WANTED]
    for path in WANTED:
        (raw / path).write_text("changed")
    assert {path: (source / path).read_bytes() for path in files_below(source)} == before


@pytest.mark.skipif(
    not SHM.is_dir() or SHM.stat().st_dev == Path(__file__).stat().st_dev, reason="needs a second file system"
)
def test_across_file_systems_files_are_copied(tmp_path):
    source = planted(SHM / f"rockspace-{os.getpid()}")
    try:
        raw, _ = take(source, tmp_path / "study")
        assert files_below(raw) == WANTED
        assert files_below(source) == sorted([*WANTED, "notes.docx", "Raw data/subjects.csv"])
        assert (raw / "mds_360.txt").stat().st_nlink == 1
    finally:
        shutil.rmtree(source)


def test_the_manifest_is_the_same_wherever_the_copy_lies(source, tmp_path):
    _, one = take(source, tmp_path / "study")
    _, other = take(planted(tmp_path / "elsewhere"), tmp_path / "other")
    assert one.read_bytes() == other.read_bytes()


def test_symbolic_links_in_the_source_are_resolved(source, tmp_path):
    shutil.move(source / "360 Rocks", tmp_path / "moved")
    (source / "360 Rocks").symlink_to(tmp_path / "moved")
    (source / "mds_360.txt").rename(tmp_path / "coordinates")
    (source / "mds_360.txt").symlink_to(tmp_path / "coordinates")
    raw, _ = take(source, tmp_path / "study")
    assert files_below(raw) == WANTED
    assert not any(path.is_symlink() for path in raw.rglob("*"))
    shutil.rmtree(source)
    (tmp_path / "coordinates").unlink()
    assert (raw / "mds_360.txt").read_text() == "content of mds_360.txt"


def test_a_second_take_replaces_the_first(source, tmp_path):
    raw, manifest = take(source, tmp_path / "study")
    (source / "360 Rocks" / "I_Andesite_01.jpg").rename(source / "360 Rocks" / "I_Andesite_02.jpg")
    take(source, tmp_path / "study")
    assert "360 Rocks/I_Andesite_02.jpg" in files_below(raw)
    assert "360 Rocks/I_Andesite_01.jpg" not in files_below(raw)
    assert [entry.path for entry in read_manifest(manifest)] == files_below(raw)


def test_a_broken_link_is_named_and_nothing_is_left(source, tmp_path):
    broken = source / "360 Rocks" / "I_Andesite_02.jpg"
    broken.symlink_to(tmp_path / "nowhere")
    assert_refused(source, tmp_path, r"I_Andesite_02\.jpg cannot be copied .*No such file")


def test_links_that_lead_in_circles_are_not_followed(source, tmp_path):
    for name, target in [
        ("360 Rocks/here", "."),
        ("360 Rocks/again", "."),
        ("up", ".."),
        ("120 Rocks/over", "../360 Rocks"),
    ]:
        (source / name).symlink_to(target)
    (source / "360 Rocks/back").symlink_to("../120 Rocks")
    splits = {"train": {"images": "**/I_*.jpg", "coordinates": "mds_360.txt"}}
    fetch(
        {"source": "directory", "directory": str(source), "splits": splits}, tmp_path / "s/raw", tmp_path / "s/m.json"
    )
    assert files_below(tmp_path / "s/raw") == [
        "120 Rocks/over/I_Andesite_01.jpg",
        "360 Rocks/I_Andesite_01.jpg",
        "mds_360.txt",
    ]


def test_more_files_than_any_archive_has_are_given_up(source, tmp_path, monkeypatch):
    monkeypatch.setattr(patterns, "MAX_ENTRIES", 3)
    dataset = {
        "source": "directory",
        "directory": str(source),
        "splits": {"train": {"images": "*/I_*.jpg", "coordinates": "*"}},
    }
    with pytest.raises(RockspaceError, match="more than 3 files and folders lie where the patterns lead; narrow them"):
        fetch(dataset, tmp_path / "s/raw", tmp_path / "m.json")


def test_links_that_lead_to_folders_in_more_ways_than_can_be_listed_are_given_up(source, tmp_path, monkeypatch):
    monkeypatch.setattr(patterns, "MAX_FOLDERS", 500)
    for i in range(20):
        (source / f"level{i}").mkdir()
        for name in "ab":
            (source / f"level{i}" / name).symlink_to(f"../level{i + 1}")
    splits = {"train": {"images": "**/I_*.jpg", "coordinates": "mds_360.txt"}}
    with pytest.raises(
        RockspaceError, match=r"more than 500 folders may hold what '\*\*/I_\*\.jpg' names, such as 'level"
    ):
        fetch(
            {"source": "directory", "directory": str(source), "splits": splits}, tmp_path / "s/raw", tmp_path / "m.json"
        )


def test_a_pipe_is_named_and_not_waited_for(source, tmp_path):
    os.mkfifo(source / "360 Rocks" / "I_Andesite_02.jpg")
    assert_refused(source, tmp_path, r"I_Andesite_02\.jpg is no regular file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named_and_nothing_is_left(source, tmp_path):
    (source / "mds_360.txt").chmod(0)
    assert_refused(source, tmp_path, r"mds_360\.txt cannot be copied .*Permission denied")


def test_a_pattern_that_names_nothing_is_an_error_that_says_what_is_there(source, tmp_path):
    shutil.rmtree(source / "120 Rocks")
    assert_refused(source, tmp_path, r"'120 Rocks/\*\.jpg' matches no file in the folder .*found: '360 Rocks/', ")


def test_a_source_that_is_no_folder_is_named(tmp_path):
    assert_refused(tmp_path / "nowhere", tmp_path, r"dataset\.directory: .*nowhere is not a folder")


@pytest.mark.parametrize("inside", ["raw", "raw/360 Rocks", "../study/raw"])
def test_a_source_inside_raw_is_refused_before_it_is_replaced(inside, tmp_path):
    study = tmp_path / "study"
    planted(study / "raw")
    before = files_below(study)
    with pytest.raises(RockspaceError, match="which this workflow replaces"):
        take(study / inside, study)
    assert files_below(study) == before


def assert_refused(source: Path, tmp_path: Path, message: str) -> None:
    with pytest.raises(RockspaceError, match=message) as caught:
        take(source, tmp_path / "study")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "study").glob("*")) == []
    assert list((tmp_path / "study").glob(".*")) == []


def test_an_older_raw_survives_a_failed_take_but_is_no_longer_vouched_for(source, tmp_path):
    raw, manifest = take(source, tmp_path / "study")
    shutil.rmtree(source / "120 Rocks")
    with pytest.raises(RockspaceError):
        take(source, tmp_path / "study")
    assert files_below(raw) == WANTED
    assert not manifest.exists()


def test_the_embedded_dataset_is_drawn_and_described_the_same_each_time(tmp_path):
    synthetic = {"seed": 0, "subtypes": 2, "per_subtype": {"train": 2, "validation": 1}, "image_size": 32}
    dataset = {"source": "synthetic", "synthetic": synthetic, "splits": SPLITS}
    for name in ("one", "other"):
        fetch(dataset, tmp_path / name / "raw", tmp_path / name / "raw.manifest.json")
    paths = [entry.path for entry in verify(tmp_path / "one" / "raw", tmp_path / "one" / "raw.manifest.json")]
    assert [Path(path).suffix for path in paths] == [".jpg"] * 6 + [".txt"] * 2
    one, other = ((tmp_path / name / "raw.manifest.json").read_bytes() for name in ("one", "other"))
    assert one == other


@pytest.mark.parametrize(
    "name", ["Stimuli [final]", "{a}", "(1)", " ends ", "#", "a%20b", "[ab]*.png", "it's", "花崗岩"]
)
def test_a_folder_of_any_name_is_proposed_and_its_images_are_found(name, tmp_path):
    images = tmp_path / name / name
    images.mkdir(parents=True)
    rows = ["image,x,y"]
    for kind in ("arrow", "bolt", "circle"):
        for i in range(4):
            Image.new("RGB", (8, 8)).save(images / f"{kind}_{i}.png")
            rows.append(f"{kind}_{i}.png,{len(rows)}.5,{len(rows) % 5}.25")
    (tmp_path / name / "coordinates.csv").write_text("\n".join(rows))
    pattern = propose_dataset(tmp_path / name)["splits"]["train"]["images"]
    assert [Path(path).name for path in sorted_images(tmp_path / name, pattern)] == sorted(os.listdir(images))
