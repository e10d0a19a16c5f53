"""A commented configuration for a new study, from what is detected in a folder of images.

Usage: ``python -m rockspace.new_study NAME [FOLDER]`` writes ``config/NAME.yaml``; ``make new-study`` calls it.
"""

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import yaml

from rockspace.artifacts import write_text
from rockspace.config import check_part, laid_over, source_of_labels, validated, validation_rule
from rockspace.config_files import check_config_file
from rockspace.data.catalog import NO_LABEL
from rockspace.data.restructuring import build_catalog
from rockspace.errors import RockspaceError, listed
from rockspace.people.proposal import propose_dataset
from rockspace.people.reading import people_coordinates

DEFAULT = Path("config/config.yaml")
PLACEHOLDER = {
    "directory": "path/to/folder",
    "filename": r"(?P<label>.+?)_\d+\.png",
    "dimensions": [],
    "splits": {
        "train": {"images": "*.png", "coordinates": "coordinates.csv"},
        "validation": {"fraction": 0.25, "seed": 0},
    },
}
TEMPLATE = """\
# Overrides config.yaml, so it contains only the differences. Every key, its default and range: config/README.md
study: {study}

dataset:
  source: directory
  directory: {directory}
  # Labels: of the file names (`filename`, a regular expression with a group `label`), of folders (`labels: folders`), of a
  # column (`columns.label`), or none (`labels: none`).
  {roles}
  # Patterns below the folder, and the table of coordinates, with names of the images in it or in a file `names`.
  # Validation images have a pattern of their own, or are picked from the training images: `fraction` draws a share, `list`
  # names a file, `tokens` numbers in their names, and `column` a column of the table.
  splits:
    train: {train}
    validation: {validation}
  dimensions: {dimensions} # the columns to use; if empty, all numeric ones except numbers or codes of the images

models: # all are compared
  # small and fast; its weights are already installed
  - {{name: lite0, backbone: efficientnet_lite0, weights: imagenet{objective}}}
  # - {{name: resnet50, backbone: resnet50, weights: imagenet{objective}}}

tfrecords: {{image_size: 128, margin: 16}} # pixels; 224 and 32 show more detail and take three times as long
"""
TRAINING = """
seeds: [0] # every model is trained once for each seed

finetune: {epochs: 30, learning_rate: 0.0001}

# Variation that the network learns to ignore. Set to 0 or false what matters to people in your images.
augmentation: {rotation: 20, shear: 10, zoom: 0.2, horizontal_flip: true, vertical_flip: false}
"""


def new_study(name: str, folder: Path | None) -> str:
    """Return the configuration of a new study.

    Args:
        name: Name of the study.
        folder: Folder with images and coordinates, which is inspected; None leaves placeholders.

    Returns:
        The text of a config file, which the schema accepts over the default config.

    Raises:
        RockspaceError: The name is invalid, the folder cannot be read as a dataset, or the default config cannot be read.
    """
    check_config_file(DEFAULT)
    dataset: dict[str, Any] = propose_dataset(folder) if folder else PLACEHOLDER
    has_labels = dataset.get("labels") != "none"
    roles = {key: dataset[key] for key in ("labels", "filename", "columns") if key in dataset}
    values = {"study": name, **dataset, **dataset["splits"]}
    text = TEMPLATE.format(
        roles="\n  ".join(f"{key}: {_in_yaml(value)}" for key, value in roles.items()),
        objective="" if has_labels else ", objective: none",
        **{key: _in_yaml(value) for key, value in values.items() if key not in roles},
    )
    text += TRAINING if has_labels else ""
    validated(laid_over(yaml.safe_load(DEFAULT.read_text(encoding="utf-8")), yaml.safe_load(text)))
    return text


def in_words(dataset: dict[str, Any]) -> str:
    """Describe a dataset, after matching every image with its label and its coordinates."""
    folder = Path(dataset["directory"])
    catalog = build_catalog(folder, dataset)
    _, readings = people_coordinates(folder, dataset, catalog)
    counts = catalog["split"].value_counts()
    rule = validation_rule(dataset)
    labels = {
        "names": f"the names ({dataset.get('filename')})",
        "folders": "the folders",
        "table": f"column {dataset.get('columns', {}).get('label')!r}",
    }
    source = source_of_labels(dataset)
    names = sorted(set(catalog["label"]) - {NO_LABEL})
    return "\n".join(
        [
            f"{len(catalog)} images: {counts['train']} train, {counts['validation']} validation."
            + (f" Picked by {rule}: {dataset['splits']['validation'][rule]}." if rule else ""),
            "no labels: models are not trained to classify."
            if source == "none"
            else f"{len(names)} labels from {labels[source]}: {listed(names)}.",
            *(line for reading in readings for line in reading.in_words()),
        ]
    )


def _in_yaml(value: Any) -> str:
    """One line; of a scalar, without the mark that ends a document."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=math.inf)
    return text.removesuffix("...\n").strip()


def main(arguments: list[str]) -> None:
    """Write ``config/NAME.yaml``; an existing file is not overwritten."""
    parser = argparse.ArgumentParser(
        prog="python -m rockspace.new_study", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("name", help="name of the study, and of its config file")
    parser.add_argument("folder", nargs="?", type=Path, help="folder with images and their coordinates")
    given = parser.parse_args(arguments)
    check_part({"study": given.name})
    path = DEFAULT.with_name(f"{given.name}.yaml")
    if path.exists():
        raise RockspaceError(f"{path} exists; choose another name or remove it")
    text = new_study(given.name, given.folder)
    found = (
        in_words(yaml.safe_load(text)["dataset"])
        if given.folder
        else f"Now fill in your folder and patterns in {path}."
    )
    write_text(path, text)
    print(f"{found}\nWrote {path}. Check it, then: make study CONFIG={path}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except RockspaceError as error:
        sys.exit(f"error: {error}")
