"""Dry runs of Snakemake in a fraction of its start-up time, each in a process of its own.

A server process loads Snakemake once, and nothing of the project. It forks for each dry run: the fork gets the
folder, environment and arguments asked for, runs Snakemake's own command line, and takes all it changed with it.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

# Besides Snakemake, what the rule files of most workflows, and Snakemake itself late in a dry run, import.
PRELOADED = ("snakemake.cli", "jsonschema", "nbformat", "pandas", "PIL.Image", "pkgutil", "requests", "smart_open")


def dry_run(
    folder: Path, arguments: list[str], environment: dict[str, str], timeout: int = 120
) -> subprocess.CompletedProcess:
    """Run ``snakemake --dry-run`` with further arguments.

    Args:
        folder: Where it runs.
        arguments: Of the command line.
        environment: All environment variables that it sees.
        timeout: After how many seconds it is killed, by SIGALRM.

    Returns:
        Its exit code and what it printed, as `subprocess.run` gives them.
    """
    arguments = ["--dry-run", *arguments]
    with tempfile.TemporaryDirectory() as temporary:
        outputs = [Path(temporary, name) for name in ("stdout", "stderr")]
        request = {
            "folder": str(folder),
            "arguments": arguments,
            "environment": environment,
            "timeout": timeout,
            "outputs": [str(output) for output in outputs],
        }
        server = _server()
        print(json.dumps(request), file=server.stdin, flush=True)
        answer = server.stdout.readline()
        if not answer:
            raise RuntimeError(f"the server of dry runs has ended: {server.wait()}")
        return subprocess.CompletedProcess(
            ["snakemake", *arguments], int(answer), *(output.read_text() for output in outputs)
        )


@cache
def _server() -> subprocess.Popen:
    # -P: no folder of the tests on the path of modules.
    server = subprocess.Popen(
        [sys.executable, "-P", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(server.communicate)
    return server


def _serve() -> None:
    for module in PRELOADED:
        __import__(module)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_run(**json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(folder: str, arguments: list[str], environment: dict[str, str], timeout: int, outputs: list[str]) -> int:
    from snakemake.cli import main

    signal.alarm(timeout)
    for descriptor, output in enumerate(outputs, start=1):
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["snakemake", *arguments]
    try:
        main(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    _serve()
