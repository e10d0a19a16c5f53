"""Made-up choices of people who follow the generalized context model, to plan a study or to try one out.

Usage, once the stage `coordinates` is done::

    python -m tools.simulated_choices results/demo --people 40 > choices.csv
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from rockspace.alignment.spaces import read_people
from rockspace.choices.context_model import CategorySet, ContextModel
from rockspace.choices.human_choices import space_of_people
from rockspace.data.catalog import read_catalog


def simulated_choices(
    study: Path,
    *,
    people: int,
    sensitivity: float,
    response_scaling: float = 1.0,
    weights: np.ndarray | None = None,
    one_solution: bool = False,
    seed: int = 0,
) -> pd.DataFrame:
    """Draw the choices of people who studied the training images and see every validation image once.

    Args:
        study: A study's folder below `results`.
        people: Their number.
        sensitivity: c of the model, with coordinates scaled to a standard deviation of 1 over all dimensions.
        response_scaling: gamma of the model.
        weights: Attention weights of the dimensions, shape (k,), of any sum; None attends to all alike.
        one_solution: Whether the coordinates of both splits come from one scaling solution.
        seed: Decides every choice.

    Returns:
        A table of trials: `person`, `image` and `response`, one of the labels.
    """
    catalog = read_catalog(study / "catalog.csv")
    label_of = dict(zip(catalog["image_id"], catalog["label"], strict=True))
    train, validation = (read_people(study / f"coordinates/{split}.csv", label_of) for split in ("train", "validation"))
    places = space_of_people(train, validation, [], moved=not one_solution).places
    labels, category = np.unique(train.label, return_inverse=True)
    k, studied = places.shape[1], places[: len(train)]
    weights = np.ones(k) if weights is None else k * weights / weights.sum()
    # With attention in the places themselves, all numbers of the model are fixed.
    places = places * np.sqrt(weights) / np.sqrt(studied.var(axis=0).mean())
    shown = CategorySet(places[: len(train)], category, places[len(train) :])
    settings = {"sensitivity": sensitivity, "response_scaling": response_scaling}
    p = np.exp(ContextModel([shown], settings).log_probabilities([{}])[0])
    rng = np.random.default_rng(seed)
    chosen = np.stack([rng.choice(len(labels), size=people, p=row / row.sum()) for row in p], axis=1)
    person, image = np.divmod(np.arange(chosen.size), len(validation))
    return pd.DataFrame({"person": person + 1, "image": validation.image_id[image], "response": labels[chosen.ravel()]})


def main() -> None:
    """Write the simulated trials of a study as CSV to the standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="a study's folder, such as results/demo")
    parser.add_argument("--people", type=int, default=40, help="how many people; each sees every validation image once")
    parser.add_argument("--sensitivity", type=float, default=2.0, help="how sharply they tell images apart")
    parser.add_argument("--response-scaling", type=float, default=1.0, help="how deterministic their choices are")
    parser.add_argument("--weights", type=float, nargs="+", help="attention to each dimension; alike if left out")
    parser.add_argument("--seed", type=int, default=0, help="decides every choice")
    parser.add_argument("--one-solution", action="store_true", help="both splits' coordinates are one scaling solution")
    given = vars(parser.parse_args())
    given["weights"] = None if given["weights"] is None else np.array(given["weights"])
    simulated_choices(**given).to_csv(sys.stdout, index=False)


if __name__ == "__main__":
    main()
