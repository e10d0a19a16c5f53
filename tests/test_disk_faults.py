"""Whichever write fails, and whenever the power goes: a stage ends with the same results once it is run again.

`make chaos` disturbs every single call, see disk_faults.py; here a few of some stages are.
"""

import random
import shutil

import pytest

from disk_faults import FAILS, POWER_GOES, Stage, Sweep, cannot_build, lose, snakemake_for, stages

pytestmark = pytest.mark.skipif(cannot_build() is not None, reason=str(cannot_build()))


@pytest.fixture(scope="module")
def sweep(finished, tmp_path_factory):
    """A finished study with the scripts of some stages as Snakemake started them."""
    for name in ("summary", "coordinates", "restructure"):  # the last first, so that no other stage is due
        rerun = finished.snakemake("--skip-script-cleanup", "--force", name)
        assert rerun.returncode == 0, rerun.stderr
    with Sweep(finished.folder, tmp_path_factory.mktemp("disturbed")) as sweep:
        yield sweep


@pytest.mark.parametrize("name", ["restructure", "coordinates", "summary"])
@pytest.mark.parametrize("faults", [FAILS, POWER_GOES], ids=["fails", "power"])
def test_a_stage_ends_with_the_same_results_after_a_fault_at_any_call(sweep, name, faults):
    stage = next(stage for stage in stages(sweep.folder) if stage.name == name)
    numbers = sorted(random.Random(f"{name} {faults}").sample(range(1, sweep.calls(stage)), 6))
    result = sweep.all_of(stage, faults, numbers=numbers)
    assert result.wrong == []
    assert result.ends.total() == len(numbers)


@pytest.mark.parametrize("faults", [FAILS, POWER_GOES], ids=["fails", "power"])
def test_so_does_snakemake_with_its_own_files(sweep, faults):
    command = snakemake_for(next(stage for stage in stages(sweep.folder) if stage.name == "coordinates"))
    numbers = sorted(random.Random(str(faults)).sample(range(1, sweep.calls(command)), 2))
    assert sweep.all_of(command, faults, numbers=numbers).wrong == []


def test_a_stage_that_writes_past_the_writer_is_caught(sweep):
    """What this finds faults in, which no stage does."""
    name = "results/tiny/summary.md"
    script = sweep.folder / "careless.py"
    script.write_text(
        f"import pathlib\npathlib.Path('results/tiny/.checksums/summary.md').unlink(missing_ok=True)\n"
        f"open({name!r}, 'w').write(open({str(sweep.study / name)!r}).read())\n"
    )
    for faults in (FAILS, POWER_GOES):
        assert sweep.all_of(Stage(script, "careless", [name]), faults).wrong != []


SCRIPTS = {
    "nothing is synced": ("write('a/new'); os.rename('a/new', 'a/named'); os.unlink('a/old')", {"a/old": "old"}),
    "the file is": ("write('a/new'); sync('a/new')", {"a/old": "old"}),
    "file and folder are": ("write('a/new'); sync('a/new'); sync('a')", {"a/old": "old", "a/new": "new"}),
    "the folder is, before": ("sync('a'); write('a/new')", {"a/old": "old"}),
    "a name given after": ("write('a/new'); sync('a/new'); sync('a'); os.rename('a/new', 'a/old')", {"a/old": "old", "a/new": "new"}),
    "a name given before": ("write('a/new'); sync('a/new'); os.rename('a/new', 'a/old'); sync('a')", {"a/old": "new"}),
    "a name taken": ("os.unlink('a/old'); sync('a')", {}),
    "a new folder": ("os.mkdir('b'); write('b/new'); sync('b/new'); sync('b')", {"a/old": "old"}),
    "and its parent": ("os.mkdir('b'); write('b/new'); sync('b/new'); sync('b'); sync('.')", {"a/old": "old", "b/new": "new"}),
    "a folder that was removed": ("os.unlink('a/old'); os.rmdir('a')", {"a/old": "old"}),
    "a file that was appended to": ("open('a/old', 'a').write('more')", {"a/old": "old"}),
}  # fmt: skip


@pytest.mark.parametrize(("script", "left"), SCRIPTS.values(), ids=SCRIPTS)
def test_what_was_not_synced_is_lost_and_nothing_else(sweep, script, left):
    folder = sweep.folder / "lost"
    (folder / "a").mkdir(parents=True)
    (folder / "a/old").write_text("old")
    program = f"""if True:
        import os
        os.chdir("lost")
        def write(name):
            with open(name, "w") as file:
                file.write("new")
        def sync(name):
            descriptor = os.open(name, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
        {script}
    """
    (sweep.folder / "script.py").write_text(program)
    status, said, _ = Stage(sweep.folder / "script.py", "script", []).run(sweep.disk)
    assert status == 0, said
    lose(sweep.folder, sweep.disk.journal, POWER_GOES[0], random.Random(0))
    # Where the new length is known to the disk and the content is not, zeros are read.
    files = {
        str(file.relative_to(folder)): file.read_text().rstrip("\0") for file in folder.rglob("*") if file.is_file()
    }
    shutil.rmtree(folder)
    assert files == left
