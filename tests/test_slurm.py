"""The tiny study on a real Slurm: jobs ended from outside are submitted again, go on, and end in the same results."""

import re
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import yaml

from slurm_cluster import CannotStart, SlurmCluster
from workflow_runs import ROOT, TINY, Workplace

# Long enough, in one phase, to be still at work when it is ended, twice; with as few jobs as a study can have.
STUDY = TINY.replace(
    "finetune: {epochs: 2, batch_size: 8", "finetune: {selection: none, epochs: 200, batch_size: 4"
).replace("train: 2, validation: 1}}", "train: 1, validation: 1}}")
RUN = Path("results/tiny/models/lite0/seed-0")
LOG = Path("results/tiny/logs/finetune/lite0-0.log")
TRAINED = ("features", "train_head", "finetune", "infer")
THREADS = ["--set-threads", *(f"{rule}=2" for rule in TRAINED)]
QUICK = ["--latency-wait", "5", "--slurm-init-seconds-before-status-checks", "2"]


def profile(name: str) -> list[str]:
    return ["--profile", str(ROOT / "workflow/profiles" / name)]


@pytest.fixture(scope="module")
def cluster():
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, ExitStack() as stack:
        try:
            running = stack.enter_context(SlurmCluster(Path(folder)))
        except CannotStart as reason:
            pytest.skip(str(reason))
        yield running


class Disturbance:
    """Watches a study on the cluster, and ends its fine-tuning twice, each time with a checkpoint just written."""

    def __init__(self, cluster: SlurmCluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.jobs: dict[str, dict[str, str]] = {}
        self.log_of_cancelled = ""

    def checkpoints(self) -> list[str]:
        return sorted(
            str(path) for path in self.folder.glob("results/tiny/models/*/*/checkpoints/finetune/*/epoch-*.npz")
        )

    def until_new_checkpoint(self, process: subprocess.Popen, known: list[str]) -> dict[str, str]:
        """Wait for one that is not known, and return the fine-tuning job that runs."""
        while not set(self.checkpoints()) - set(known):
            assert process.poll() is None, "the study ended before it was disturbed"
            time.sleep(0.2)
        running = [job for job in self.cluster.jobs("running").values() if "finetune" in job.get("Comment", "")]
        assert len(running) == 1
        return running[0]

    def run(self, process: subprocess.Popen) -> None:
        job = self.until_new_checkpoint(process, [])
        self.cluster.cancel(job["JobId"])
        self.log_of_cancelled = (self.folder / LOG).read_text()
        job = self.until_new_checkpoint(process, self.checkpoints())
        self.cluster.restart_node(job["NodeList"])
        process.wait(1800)
        self.jobs = self.cluster.jobs()


@pytest.fixture(scope="module")
def study(cluster, tmp_path_factory):
    """The whole study, run through sbatch and disturbed; its folder, Slurm's jobs, and the log of the cancelled one."""
    workplace = Workplace(tmp_path_factory.mktemp("study") / "here", STUDY)
    disturbance = Disturbance(cluster, workplace.folder)
    output = workplace.folder / "output"
    with output.open("w") as stream:
        process = subprocess.Popen(
            workplace.command(*profile("slurm"), *THREADS, *QUICK),
            cwd=workplace.folder,
            env=workplace.environment | cluster.environment,
            stdout=stream,
            stderr=stream,
        )
        disturbance.run(process)
    assert process.returncode == 0, output.read_text()[-5000:]
    return workplace, disturbance.jobs, disturbance.log_of_cancelled


def jobs_of(rule: str, jobs: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    """Jobs in the order of their submission; the plugin writes rule and wildcards into a job's comment."""
    found = [job for job in jobs.values() if job.get("Comment", "").partition("_wildcards_")[0] == f"rule_{rule}"]
    return sorted(found, key=lambda job: int(job["JobId"]))


@pytest.mark.slow
def test_jobs_that_are_cancelled_or_lose_their_node_are_submitted_again_and_go_on(study):
    workplace, jobs, log_of_cancelled = study
    assert re.search(r"training was ended by SIGTERM after (step|epoch) \d+", log_of_cancelled)
    assert [job["JobState"] for job in jobs_of("finetune", jobs)] == ["CANCELLED", "NODE_FAIL", "COMPLETED"]
    assert "going on after" in (workplace.folder / LOG).read_text()
    assert not list(workplace.folder.glob("results/tiny/models/*/*/checkpoints/*/*"))


@pytest.mark.slow
def test_results_are_those_of_a_local_run_to_the_last_digit(study, tmp_path):
    workplace, *_ = study
    local = Workplace(tmp_path / "local", STUDY)
    for name in ("tiny", "weights"):
        shutil.copytree(workplace.folder / "results" / name, local.folder / "results" / name)
    result = local.snakemake("--until", "extract_embeddings", "--forcerun", "train_head", *THREADS)
    assert result.returncode == 0, result.stderr
    for name in ("head.history.csv", "finetune.history.csv"):
        assert (local.folder / RUN / name).read_bytes() == (workplace.folder / RUN / name).read_bytes()
    embeddings = [np.load(each.folder / RUN / "embeddings/penultimate.npz") for each in (local, workplace)]
    np.testing.assert_array_equal(*(file["embedding"] for file in embeddings))


@pytest.mark.slow
def test_each_job_asks_for_what_its_rule_and_the_profile_say(study):
    workplace, jobs, _ = study
    finetune = jobs_of("finetune", jobs)[0]
    assert finetune["TresPerNode"] == "gres:gpu:1"
    assert "cpu=2" in finetune["TRES"]
    assert finetune["TimeLimit"] == "08:00:00"
    assert finetune["MinMemoryNode"] == "6000M"
    assert jobs_of("features", jobs)[0]["MinMemoryNode"] == "4000M"
    assert ["TresPerNode" in job for job in jobs_of("procrustes", jobs)] == [False]
    assert (workplace.folder / "results/weights/efficientnet_lite0.weights.h5").exists()
    for rule in ("download", "pretrained_weights", "restructure"):
        assert not jobs_of(rule, jobs)


def test_both_profiles_plan_the_whole_study_with_models_seeds_and_layers_side_by_side(tmp_path):
    workplace = Workplace(tmp_path / "here", STUDY + "seeds: [0, 1]\nembeddings: {layers: [penultimate, pooled]}\n")
    for name in ("slurm", "cluster"):
        planned = workplace.planned(*profile(name))
        assert planned["finetune"] == 2
        assert planned["procrustes"] == 4


@pytest.mark.parametrize("name", ["slurm", "cluster"])
def test_a_profile_gives_every_job_memory_and_time_and_tries_it_again(name):
    content = yaml.safe_load((ROOT / "workflow/profiles" / name / "config.yaml").read_text())
    assert content["retries"] > 0
    assert {"mem_mb", "runtime"} <= set(content["default-resources"])
