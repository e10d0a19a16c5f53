import fcntl
import socket


def begin_run(folder=Path(".snakemake")):
    """Remove Snakemake's locks if the runs that made them were killed.

    Every run holds a shared lock on one file, which the kernel releases when it dies, however it dies. Who gets
    that lock alone knows that no other run is under way here. Across machines only file systems know, and not all
    do: where another machine has run in this folder, `snakemake --unlock` is left to people.
    """
    folder.mkdir(exist_ok=True)
    runs, here = open(folder / "rockspace.runs", "a+"), socket.gethostname()
    try:
        fcntl.flock(runs, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pass
    else:
        runs.seek(0)
        locks = list((folder / "locks").glob("*.lock"))
        if locks and set(runs.read().split()) == {here}:
            for lock in locks:
                lock.unlink()
            print("Continuing after a run that was killed: its locks are removed.", file=sys.stderr)
            locks = []
        if not locks:
            runs.truncate(0)
    print(here, file=runs, flush=True)
    try:
        fcntl.flock(runs, fcntl.LOCK_SH)
    except OSError:
        pass  # A file system without such locks: Snakemake's own remain.
    return runs


if workflow.is_main_process:
    RUN_LOCK = begin_run()
