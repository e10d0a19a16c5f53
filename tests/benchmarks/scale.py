"""Processor time and memory of the stages that see every image, for growing numbers of images.

    python tests/benchmarks/scale.py [--images 480 4800 24000] [--folder FOLDER]

runs the workflow on drawn images of 64 pixels, to the embeddings of a network with a frozen base, and prints a table from what
Snakemake measured of each job: seconds of processor time, which another program beside it hardly changes. A shard holds 480
images, so more images make more jobs, not larger ones.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import pandas as pd
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from workflow_runs import Workplace

PER_SHARD = 480
SUBTYPES = 30
STAGES = (
    "download",
    "restructure",
    "coordinates",
    "tfrecords",
    "features",
    "train_head",
    "infer",
    "extract_embeddings",
)


def config(images: int) -> dict:
    """A study of so many images, three of four to train on."""
    train, validation = (round(share * images / SUBTYPES) for share in (0.75, 0.25))
    shards = {split: -(-SUBTYPES * n // PER_SHARD) for split, n in (("train", train), ("validation", validation))}
    drawn = {"subtypes": SUBTYPES, "per_subtype": {"train": train, "validation": validation}, "image_size": 64}
    return {
        "study": f"scale-{images}",
        "dataset": {"source": "synthetic", "synthetic": drawn},
        "models": [{"name": "lite0", "backbone": "efficientnet_lite0"}],
        "tfrecords": {"image_size": 64, "margin": 8, "shards": shards},
        "train_head": {"views": 2, "epochs": 5},
        "finetune": {"epochs": 0, "selection": "none"},
    }


def measure(images: int, folder: Path) -> pd.DataFrame:
    """Run the study; return jobs, seconds of processor time, and the memory of the largest job of each stage."""
    workplace = Workplace(folder / f"{images}", yaml.safe_dump(config(images)))
    result = workplace.snakemake("--until", "extract_embeddings", "--quiet", timeout=4 * 3600)
    if result.returncode:
        raise SystemExit(f"the study of {images} images failed: {result.stderr[-3000:]}")
    rows, benchmarks = {}, workplace.folder / f"results/scale-{images}/benchmarks"
    for stage in STAGES:
        files = sorted([*benchmarks.glob(f"{stage}.tsv"), *benchmarks.glob(f"{stage}/**/*.tsv")])
        jobs = pd.concat([pd.read_csv(file, sep="\t") for file in files])
        rows[stage] = {"jobs": len(jobs), "seconds": jobs["cpu_time"].sum(), "MiB": jobs["max_rss"].max()}
    return pd.DataFrame(rows).T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[480, 4_800, 24_000])
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder without it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rockspace-scale-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        measured = {images: measure(images, folder) for images in options.images}
    print("| stage |" + "".join(f" {n:,} images: jobs | s | MiB |" for n in measured))
    print("|---|" + "---|" * 3 * len(measured))
    for stage in STAGES:
        cells = [table.loc[stage] for table in measured.values()]
        print(f"| `{stage}` |" + "".join(f" {c.jobs:.0f} | {c.seconds:.0f} | {c.MiB:.0f} |" for c in cells))


if __name__ == "__main__":
    main()
