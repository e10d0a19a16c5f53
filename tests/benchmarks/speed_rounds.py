"""Contenders as processes that wait their turn, so that each is measured in alternation with the others."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Round = Callable[[], int]


def serve(stages: dict[str, Callable[[Path], Round]]) -> None:
    """Run one stage, a round for each line that comes in.

    The command line holds the stage and the folder with the images. A stage is set up by its function, and
    returns a function that does one round of work and says how many images that was. Answers are lines of
    JSON: first seconds from the start to the end of a first round, then for each round images and seconds.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Whatever libraries print goes elsewhere.
    start = time.perf_counter()
    work = stages[sys.argv[1]](Path(sys.argv[2]))
    work()
    answer: dict[str, Any] = {"first_s": time.perf_counter() - start}
    while True:
        answer["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(answer), file=answers, flush=True)
        if not sys.stdin.readline():
            return
        start, processor = time.perf_counter(), time.process_time()
        images = work()
        seconds = time.perf_counter() - start
        answer = {"images": images, "seconds": seconds, "processor_s": time.process_time() - processor}


class Worker:
    """A contender's process, from the side of the one who asks."""

    def __init__(self, python: str, script: Path, stage: str, folder: Path, log: Path) -> None:
        environment = os.environ | {
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TQDM_DISABLE": "1",
            # A process that waits its turn must not do so in a loop.
            "OMP_WAIT_POLICY": "passive",
        }
        self.name, self.log = f"{script.stem}, {stage}", log
        with log.open("a") as noise:
            self.process = subprocess.Popen(
                [python, str(script), stage, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=noise,
                text=True,
                env=environment,
            )

    def answer(self) -> dict[str, float]:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} stopped with {self.process.wait()}; see {self.log}")
        return json.loads(line)

    def round(self) -> dict[str, float]:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
