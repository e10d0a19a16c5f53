"""A file that exists is whole."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pytest

from rockspace.artifacts import copy, link_or_copy, replacing, write_csv, write_json, write_text


def test_what_fails_half_way_leaves_nothing_and_an_older_file_as_it_was(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")

    def fail():
        with replacing(target) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_files_and_folders_are_replaced_as_a_whole(tmp_path):
    folder = tmp_path / "images"
    for content in ("one", "two"):
        with replacing(folder) as partial:
            partial.mkdir()
            (partial / content).write_text(content)
    assert [path.name for path in folder.iterdir()] == ["two"]


def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_the_same_artifact(tmp_path):
    for left in (".partial-model.keras-x1", ".partial-other.keras-x2"):
        (tmp_path / left).mkdir()
        (tmp_path / left / "model.keras").write_bytes(b"half")
    with replacing(tmp_path / "model.keras") as partial:
        partial.write_bytes(b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".partial-other.keras-x2", "model.keras"]


def test_nothing_is_written_or_waited_for_where_others_have_put_links_and_pipes(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".partial-a.csv-1").symlink_to("elsewhere")
    for left in ("2", "3"):
        (tmp_path / f".partial-a.csv-{left}").mkdir()
    os.mkfifo(tmp_path / ".partial-a.csv-2/.lock")
    (tmp_path / ".partial-a.csv-3/.lock").symlink_to("../elsewhere/made")
    write_text(tmp_path / "a.csv", "x")
    assert (tmp_path / "a.csv").read_text() == "x"
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which root may")
def test_so_does_another_user_of_its_group_who_may_write_there(tmp_path):
    """As `docs/failures.md` asks for: ``umask 002`` and a folder of their group with ``chmod g+s``."""
    program = """if True:
        import os, sys
        from pathlib import Path
        from rockspace.artifacts import replacing
        os.setgroups([]), os.setgid(4567), os.setuid(int(sys.argv[1])), os.umask(0o002)
        with replacing(Path(sys.argv[2])) as partial:
            partial.write_text(sys.argv[1])
            if sys.argv[1] == "4001":
                os._exit(0)  # killed
        """
    folder = Path(tempfile.mkdtemp())
    try:
        os.chown(folder, 0, 4567)
        folder.chmod(0o2775)
        for user in ("4001", "4002"):
            subprocess.run([sys.executable, "-c", program, user, str(folder / "file")], check=True)
        assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("file", "4002")]
    finally:
        shutil.rmtree(folder)


def test_processes_that_write_the_same_artifact_at_once_leave_each_other_alone(tmp_path):
    """Two checkouts that share ``results/weights`` and begin together."""
    program = """if True:
        import sys
        from pathlib import Path
        from rockspace.artifacts import replacing
        for _ in range(40):
            with replacing(Path(sys.argv[1])) as partial:
                partial.write_text(sys.argv[2])
        """
    commands = [[sys.executable, "-c", program, str(tmp_path / "file.h5"), name] for name in "abc"]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    assert [process.communicate()[1] for process in started] == ["", "", ""]
    assert [path.name for path in tmp_path.iterdir()] == ["file.h5"]
    assert (tmp_path / "file.h5").read_text() in "abc"


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path):
    name = "é" * 125 + ".json"
    write_json(tmp_path / name, {})
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_artifact_and_what_is_above_it_are_on_disk_before_and_after_it_takes_its_name(tmp_path, monkeypatch):
    """What a loss of power could take: content before the name is given, names in folders after it."""
    calls, sync, replace = [], os.fsync, os.replace

    def synced(descriptor):
        calls.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    def renamed(source, target):
        calls.append(f"-> {target}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    with replacing(tmp_path / "new/images") as partial:
        (partial / "train").mkdir(parents=True)
        (partial / "train/a.jpg").write_text("a")
    name = calls.index(f"-> {tmp_path}/new/images")
    before = [Path(path).name for path in calls[:name]]
    assert (before[0], before[-1]) == (tmp_path.name, "new")
    assert sorted(before[1:-1]) == ["a.jpg", "images", "train"]
    assert calls[name + 1 :] == [str(tmp_path / "new")] * 2  # the second time without the temporary folder


def test_an_older_folder_is_there_as_a_whole_until_the_new_one_takes_its_place(tmp_path):
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/old.jpg").touch()

    def interrupted(partial):
        partial.mkdir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), replacing(folder) as partial:
        interrupted(partial)
    assert (folder / "deep/old.jpg").exists()


def test_the_temporary_name_keeps_the_suffix_that_decides_the_format(tmp_path):
    with replacing(tmp_path / "deep/model.keras") as partial:
        assert partial.suffix == ".keras"
        partial.touch()
    assert (tmp_path / "deep/model.keras").exists()


def test_json_has_no_nan(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []
    write_json(tmp_path / "a.json", {"x": 0.1})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 0.1}


def test_a_table_is_written_with_or_without_its_index(tmp_path):
    table = pd.DataFrame({"x": [0.1]}, index=pd.Index(["a"], name="image_id"))
    write_csv(tmp_path / "a.csv", table)
    write_csv(tmp_path / "b.csv", table, index=True)
    assert [(tmp_path / name).read_text() for name in ("a.csv", "b.csv")] == ["x\n0.1\n", "image_id,x\na,0.1\n"]


def test_a_link_leaves_the_source_where_it_is(tmp_path):
    (tmp_path / "a").write_text("x")
    link_or_copy(tmp_path / "a", tmp_path / "b/c")
    assert (tmp_path / "a").read_text() == (tmp_path / "b/c").read_text() == "x"


def test_what_is_written_to_a_copy_never_reaches_the_source(tmp_path):
    (tmp_path / "a").write_text("the user's own")
    copy(tmp_path / "a", tmp_path / "b/c")
    (tmp_path / "b/c").write_text("other")
    assert (tmp_path / "a").read_text() == "the user's own"
