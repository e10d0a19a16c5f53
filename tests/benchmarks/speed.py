"""Side by side: the original recipe, PyTorch and this project, on the same images and cores, in alternation.

    python tests/benchmarks/speed.py [--archive FOLDER] [--torch-python PYTHON] [--rounds 3] [--cores N]

writes results/bench.json, results/bench.md and results/bench.png. ``make bench`` runs it. The archive is a
folder with the files of the study as published; without one, images are drawn. PyTorch takes part where the
given interpreter has it. Weights are random, which costs no time and changes none.
"""

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

import speed_report  # noqa: E402
from speed_rounds import Worker  # noqa: E402

from rockspace.artifacts import write_json  # noqa: E402
from rockspace.config import validated  # noqa: E402
from rockspace.data.catalog import SPLITS  # noqa: E402
from rockspace.data.restructuring import build_catalog, restructure  # noqa: E402

EPOCHS = 10
# Forward, and backward to weights and to inputs.
PASSES = {"finetune": 3, "embed": 1}


def main() -> None:
    arguments = parse()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    os.environ["BENCH_STEPS"] = str(arguments.steps)
    output = ROOT / "results"
    folder = output / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    prepare(folder, arguments.archive)
    pythons = {"original": sys.executable, "rockspace": sys.executable}
    if has_torch(arguments.torch_python):
        pythons["torch"] = arguments.torch_python
    results: dict[str, Any] = {"rounds": arguments.rounds, "machine": machine(arguments.cores)}
    stages = {stage: alternate(stage, pythons, arguments.rounds, folder) for stage in ("finetune", "embed")}
    only_keras = {name: python for name, python in pythons.items() if name != "torch"}
    stages["frozen_head"] = alternate("frozen_head", only_keras, max(1, arguments.rounds // 3), folder)
    for stage, contenders in stages.items():
        results[stage] = {name: None for name in speed_report.NAMES} | {
            name: figure(stage, name, rounds) for name, rounds in contenders.items()
        }
    results["ceiling"] = ceiling(arguments.rounds, folder, results)
    results["details"] = {
        stage: {name: details(rounds) for name, rounds in contenders.items()} for stage, contenders in stages.items()
    }
    write_json(output / "bench.json", results)
    (output / "bench.md").write_text(speed_report.table(results))
    speed_report.chart(results, output / "bench.png")
    print(speed_report.table(results))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    published = ROOT / "results" / "rocks" / "raw"
    parser.add_argument("--archive", type=Path, default=published if published.is_dir() else None)
    parser.add_argument("--torch-python", default=sys.executable, help="an interpreter that has torch and pillow")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3, help="batches of 32 a round")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    return parser.parse_args()


def prepare(folder: Path, archive: Path | None) -> None:
    """Images by label for the original, TFRecords for this project."""
    config = validated(yaml.safe_load((ROOT / "config" / "config.yaml").read_text()))
    if archive is None:
        from rockspace.data.synthetic import draw_archive

        archive = folder / "raw"
        draw_archive(archive, image_size=800, workers=len(os.sched_getaffinity(0)))
    catalog = build_catalog(archive, config["dataset"])
    restructure(archive, catalog, folder / "images")
    catalog.to_csv(folder / "catalog.csv", index=False)

    from rockspace.data.tfrecords import Geometry, write_shard

    geometry = Geometry.from_config(config["tfrecords"])
    for split in SPLITS:
        path = folder / f"{split}-00000-of-00001.tfrecord"
        write_shard(path, catalog, folder, geometry, split=split, shard=0, shards=1)


def has_torch(python: str) -> bool:
    probe = subprocess.run([python, "-c", "import torch, PIL"], capture_output=True, check=False)
    return probe.returncode == 0


def alternate(stage: str, pythons: dict[str, str], rounds: int, folder: Path) -> dict[str, list[dict[str, float]]]:
    """Let each contender do a round in turn; the order turns too. The first answer is that of the set-up."""
    log = folder / f"{stage}.log"
    workers, answers = {}, {}
    for name, python in pythons.items():
        workers[name] = Worker(python, HERE / f"speed_{name}.py", stage, folder, log)
        answers[name] = [workers[name].answer()]
    names = list(pythons)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            answers[name].append(workers[name].round())
            latest = answers[name][-1]
            rate = latest["images"] / latest["seconds"]
            print(f"{stage:12} {name:10} round {turn + 1}: {rate:6.1f} images/s", file=sys.stderr, flush=True)
    for worker in workers.values():
        worker.close()
    return answers


def figure(stage: str, name: str, answers: list[dict[str, float]]) -> float:
    """Images/s of the best round; for the frozen stage the seconds of ten epochs."""
    best = max(answers[1:], key=lambda answer: answer["images"] / answer["seconds"])
    if stage == "frozen_head":
        return best["seconds"] * (EPOCHS if name == "original" else 1)
    return best["images"] / best["seconds"]


def details(answers: list[dict[str, float]]) -> dict[str, Any]:
    return {
        "first_step_s": answers[0]["first_s"],
        "peak_mib": max(answer["peak_mib"] for answer in answers),
        "images_per_s": [answer["images"] / answer["seconds"] for answer in answers[1:]],
        "processor_ms_per_image": [1000 * answer["processor_s"] / answer["images"] for answer in answers[1:]],
    }


def ceiling(rounds: int, folder: Path, results: dict[str, Any]) -> dict[str, float]:
    """What the machine does in large matrix products, and how much of that the two stages reach."""
    content = {}
    for dtype in ("bfloat16", "float32"):
        answers = alternate_one(dtype, rounds * 3, folder)
        content[f"{dtype}_tflops"] = 2 * 4096**3 / min(answer["seconds"] for answer in answers) / 1e12
    operations = alternate_one("operations", 1, folder)[0]["images"]
    content["operations_per_image"] = operations
    # Where float32 is faster, that is what the stages compute in.
    fastest = max(content["bfloat16_tflops"], content["float32_tflops"])
    for stage, passes in PASSES.items():
        content[f"{stage}_share"] = results[stage]["rockspace"] * operations * passes / 1e12 / fastest
    return content


def alternate_one(stage: str, rounds: int, folder: Path) -> list[dict[str, float]]:
    worker = Worker(sys.executable, HERE / "speed_rockspace.py", stage, folder, folder / "ceiling.log")
    worker.answer()
    answers = [worker.round() for _ in range(rounds)]
    worker.close()
    return answers


def machine(cores: int) -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": cores,
        "bfloat16": [flag for flag in flags if flag in ("amx_bf16", "avx512_bf16")],
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
