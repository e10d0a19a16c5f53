"""What a stage does around its work: its log, and the checksums of what it reads and writes."""

import logging
import os
import re
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path

from rockspace.artifacts import recording
from rockspace.checksums import verify_files
from rockspace.errors import RockspaceError
from rockspace.library_settings import standard_settings
from rockspace.machine_faults import fault_of_the_machine

ORPHAN_CHECK_S = 1.0
# Set by the workflow's logger where it shows the logs itself.
LOG_ALONE = "ROCKSPACE_LOG_ALONE"
# Of what the workflow's logger shows on the terminal below a stage's line, between information and warning.
NOTE = 25
logging.addLevelName(NOTE, "NOTE")
_EVERY_TIME = re.compile(r"WARNING: All log messages before absl::InitializeLog|I\d{4} ")


@contextmanager
def recorded(
    log: str | Path,
    threads: int | None = None,
    inputs: Iterable[str | Path] = (),
    outputs: Iterable[str | Path] = (),
    *,
    tensorflow: bool = False,
) -> Iterator[logging.Logger]:
    """Log a stage to ``log`` and to standard error, and end it with one line where the user can help.

    Where the workflow's logger shows the logs itself, standard error is the log, with progress bars and stack traces.

    Args:
        log: File that takes the log; an older one is replaced.
        threads: Cores that this stage may use; numeric libraries loaded inside the block keep to it.
        inputs: Artifacts of earlier stages, compared with their checksums before the block runs.
        outputs: Artifacts of this stage, which are recorded as the block writes them.
        tensorflow: Whether the block uses TensorFlow, of whose start-up messages then only warnings and errors are kept,
            in the log.

    Raises:
        SystemExit: With status 1 after a `RockspaceError`, whose line has then been written.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Pictures go to files, whatever the user's own backend of matplotlib is.
    os.environ["MPLBACKEND"] = "agg"
    # In processes that a stage starts, modules of the working folder, such as a `types.py`, do not come before Python's own.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    if not sys.stderr.isatty():
        # A progress bar that ends in a file should not fill it.
        os.environ.setdefault("TQDM_MININTERVAL", "5")
    if threads is not None:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
            os.environ[name] = str(threads)
        os.environ["TF_NUM_INTEROP_THREADS"] = "1" if threads == 1 else "2"
    logger = logging.getLogger("rockspace")
    logger.setLevel(logging.INFO)
    try:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        to_file = _LogFile(log, mode="w", encoding="utf-8")
    except OSError as error:
        sys.exit(f"error: {log} cannot be written ({error.strerror}): mend that and run again")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    to_terminal = logging.StreamHandler(sys.stderr)
    to_terminal.setFormatter(logging.Formatter("%(message)s"))
    logger.handlers = [to_file, to_terminal]
    alone = LOG_ALONE in os.environ
    if alone:
        logger.handlers = [to_file]
        to_terminal.setStream(os.fdopen(os.dup(2), "w"))
        to_file.instead = to_terminal
        os.dup2(to_file.stream.fileno(), 2)
    ended = threading.Event()
    threading.Thread(target=_end_when_orphaned, args=[ended], daemon=True).start()
    try:
        verify_files(inputs)
        if tensorflow:
            _import_tensorflow(to_file)
        with recording(outputs):
            yield logger
    except RockspaceError as error:
        logger.error("error: %s", error)
        sys.exit(1)
    except BaseException as error:
        if (fault := fault_of_the_machine(error, f"what belongs to {log}")) is not None:
            logger.error("error: %s", fault)
            sys.exit(1)
        # The stack trace belongs in the log too: a cluster's terminal output may be gone.
        if not alone:
            with suppress(OSError):
                to_file.stream.write(traceback.format_exc())
        raise
    finally:
        ended.set()
        with suppress(OSError):
            to_file.close()


class _LogFile(logging.FileHandler):
    stream: TextIOWrapper
    instead: logging.Handler | None = None  # of what cannot be written, if nothing else shows it

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing of a full disk; the terminal has the message."""
        if self.instead:
            self.instead.emit(record)


def _import_tensorflow(log: _LogFile) -> None:
    """Import Keras and TensorFlow with what their libraries write to standard error in the log, without what is said every time."""
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as said:
        try:
            os.dup2(said.fileno(), 2)
            with standard_settings():
                import keras  # noqa: F401
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            said.seek(0)
            lines = said.read().decode(errors="replace").splitlines(keepends=True)
            with suppress(OSError):
                log.stream.writelines(line for line in lines if not _EVERY_TIME.match(line))


def _end_when_orphaned(ended: threading.Event) -> None:
    """End this process when the workflow that began it has been killed; one that trains saves a checkpoint first.

    Its results would be discarded, and a new run begins the same stage again.
    """
    parent = os.getppid()
    while not ended.wait(ORPHAN_CHECK_S):
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
