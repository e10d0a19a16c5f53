"""A real Slurm on this machine: one controller and two nodes, started as root without systemd.

By hand: ``python tests/slurm_cluster.py FOLDER`` starts it, says which variables a shell needs, and stops it at Ctrl-C.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")
SEARCH_PATH = f"{os.environ['PATH']}:/usr/sbin"
NODES = ("n1", "n2")

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.socket,cred_expire=10
CredType=cred/munge
StateSaveLocation={folder}/spool/ctld
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
ReturnToService=2
SlurmdTimeout=20
SlurmctldTimeout=20
InactiveLimit=0
KillWait=30
MinJobAge=7200
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4 RealMemory=12000 Gres=gpu:1 State=UNKNOWN
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4 RealMemory=12000 Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=600 DefMemPerCPU=100 State=UP
"""
# The jobs' own srun loses SLURM_CONF on its way; on a cluster the file lies where Slurm looks for it.
SRUN = """\
#!/bin/sh
SLURM_CONF={folder}/slurm.conf exec {srun} "$@"
"""


class CannotStart(Exception):
    """Slurm is not here, or this machine does not let it run."""


class SlurmCluster:
    """A controller and two nodes with four processors and one (pretended) GPU each; stops what it started, by pid file."""

    def __init__(self, folder: Path) -> None:
        """Choose a folder with a short path: that of a socket in it has no more than 107 characters."""
        self.folder = folder.resolve()
        self.environment = os.environ | {
            "SLURM_CONF": f"{self.folder}/slurm.conf",
            "PATH": f"{self.folder}/bin:{SEARCH_PATH}",
        }

    def __enter__(self) -> "SlurmCluster":
        """Start the daemons, and one job to see that jobs run.

        Raises:
            CannotStart: This machine does not let them run.
        """
        if reason := missing():
            raise CannotStart(reason)
        try:
            self._start()
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            self.__exit__()
            raise CannotStart(f"Slurm does not start here: {error}") from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        for name in ("bin", "run", "log", "munge", "spool/ctld", *(f"spool/{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "munge").chmod(0o700)
        key = self.folder / "munge/key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        host = socket.gethostname().partition(".")[0]
        ports = _free_ports(3)
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(folder=self.folder, host=host, ports=ports))
        (self.folder / "gres.conf").write_text("".join(f"NodeName={node} Name=gpu File=/dev/null\n" for node in NODES))
        srun = self.folder / "bin/srun"
        srun.write_text(SRUN.format(folder=self.folder, srun=shutil.which("srun")))
        srun.chmod(0o755)
        self._start_munge()
        self.run("slurmctld", "-f", self.environment["SLURM_CONF"])
        for node in NODES:
            self.start_node(node)
        self._wait_until_idle()
        self.run("srun", "--immediate=30", "true")

    def __exit__(self, *_: object) -> None:
        with suppress(
            OSError, RuntimeError, subprocess.SubprocessError
        ):  # Where the controller is gone, the daemons are stopped all the same.
            for job in self.jobs("running"):
                self._kill_steps(job)
        for name in (*(f"slurmd-{node}" for node in NODES), "slurmctld", "munged"):
            self._stop(name)

    def run(self, *command: str) -> str:
        """Run a command of Slurm's and return what it says."""
        program = shutil.which(command[0], path=SEARCH_PATH)
        result = subprocess.run(
            [program, *command[1:]], env=self.environment, capture_output=True, text=True, timeout=60
        )
        if result.returncode:
            raise RuntimeError(f"{' '.join(command)}: {result.stderr or result.stdout}")
        return result.stdout

    def jobs(self, state: str = "all") -> dict[str, dict[str, str]]:
        """Return what Slurm knows of each job in ``state``, by its number; jobs that have ended stay for two hours."""
        listed = self.run("squeue", "--noheader", f"--states={state}", "--format=%i").split()
        return {number: dict(_pairs(self.run("scontrol", "show", "job", "-o", number))) for number in listed}

    def cancel(self, number: str) -> None:
        """End a job, and wait until it has ended."""
        self.run("scancel", number)
        while self.jobs()[number]["JobState"] in ("RUNNING", "COMPLETING"):
            time.sleep(0.2)

    def start_node(self, node: str) -> None:
        """Start a node's daemon."""
        self.run("slurmd", "-N", node, "-f", self.environment["SLURM_CONF"])

    def restart_node(self, node: str) -> None:
        """Let a node go down with all that runs on it, and come back, as after a power cut."""
        self._stop(f"slurmd-{node}", signal.SIGKILL)
        for number, job in self.jobs("running").items():
            if job["NodeList"] == node:
                self._kill_steps(number)
        self.start_node(node)

    def _start_munge(self) -> None:
        files = {
            "key-file": "munge/key",
            "socket": "run/munge.socket",
            "pid-file": "run/munged.pid",
            "log-file": "log/munged.log",
            "seed-file": "munge/seed",
        }
        self.run("munged", "--force", *(f"--{option}={self.folder / file}" for option, file in files.items()))

    def _wait_until_idle(self, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while self.run("sinfo", "--noheader", "--format=%T").split() != ["idle"]:
            if time.monotonic() > end:
                raise RuntimeError(f"the nodes do not come up; see {self.folder}/log")
            time.sleep(0.5)

    def _kill_steps(self, number: str) -> None:
        """Kill a job's processes on its node, the way a node's end does: the daemon that watches them goes first."""
        for process in psutil.process_iter(["cmdline"]):
            title = " ".join(process.info["cmdline"] or [])
            if title.startswith(f"slurmstepd: [{number}."):
                family = [process, *process.children(recursive=True)]
                for member in family:
                    member.kill()
                psutil.wait_procs(family, timeout=10)

    def _stop(self, name: str, with_signal: int = signal.SIGTERM) -> None:
        file = self.folder / f"run/{name}.pid"
        try:
            process = psutil.Process(int(file.read_text()))
            process.send_signal(with_signal)
            process.wait(30)
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            pass
        file.unlink(missing_ok=True)


def missing() -> str | None:
    """Say why no cluster can be started here; None where it can."""
    absent = [program for program in PROGRAMS if shutil.which(program, path=SEARCH_PATH) is None]
    if absent:
        return f"no Slurm here ({', '.join(absent)}); on Debian: apt-get install {' '.join(PACKAGES)}"
    return None if os.geteuid() == 0 else "starting Slurm's daemons takes root"


def _pairs(line: str) -> list[tuple[str, str]]:
    return [tuple(pair.split("=", 1)) for pair in line.split() if "=" in pair]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


if __name__ == "__main__":
    with SlurmCluster(Path(sys.argv[1])) as cluster:
        for variable in ("SLURM_CONF", "PATH"):
            print(f"export {variable}={cluster.environment[variable]}")
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
