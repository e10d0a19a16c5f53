"""Made-up choices of people who follow the exemplar model, to plan a study or to try one out.

Usage, once the stage `restructure` is done::

    python -m tools.simulated_choices results/demo --people 40 > responses.csv
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from rockspace.alignment.spaces import read_people
from rockspace.choices.exemplar_model import ExemplarModel
from rockspace.choices.human_choices import space_of_people
from rockspace.data.catalog import read_catalog


def simulated_choices(
    study: Path,
    *,
    people: int,
    sensitivity: float,
    weights: np.ndarray | None = None,
    one_solution: bool = False,
    seed: int = 0,
) -> pd.DataFrame:
    """Draw the choices of people who see every image of both splits once and choose one of the labels.

    Args:
        study: A study's folder below `results`.
        people: Their number.
        sensitivity: c of the exemplar model, with coordinates scaled to a standard deviation of 1 over all dimensions.
        weights: Attention weights of the dimensions, shape (k,); None attends to all alike.
        one_solution: Whether the coordinates of both splits come from one scaling solution.
        seed: Decides every choice.

    Returns:
        A column a label, indexed by `image`: a file of response counts.
    """
    catalog = read_catalog(study / "catalog.csv")
    label_of = dict(zip(catalog["image_id"], catalog["label"], strict=True))
    train, validation = (read_people(study / f"coordinates/{split}.csv", label_of) for split in ("train", "validation"))
    places = space_of_people(train, validation, [], one_solution=one_solution).places
    labels, category = np.unique(train.label, return_inverse=True)
    model = ExemplarModel(places["train"], category)
    k = places["train"].shape[1]
    model.sensitivity_ = sensitivity / np.sqrt(places["train"].var(axis=0).mean())
    model.weights_ = np.full(k, 1 / k) if weights is None else weights / weights.sum()
    rng = np.random.default_rng(seed)
    p = np.concatenate([model.predict_proba(places[split]) for split in ("train", "validation")])
    images = pd.Index([*train.image_id, *validation.image_id], name="image")
    return pd.DataFrame(rng.multinomial(people, p), index=images, columns=labels)


def main() -> None:
    """Write the simulated counts of a study as CSV to the standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="a study's folder, such as results/demo")
    parser.add_argument("--people", type=int, default=40, help="how many people; each sees every image once")
    parser.add_argument("--sensitivity", type=float, default=6.0, help="how sharply they tell images apart")
    parser.add_argument("--weights", type=float, nargs="+", help="attention to each dimension; alike if left out")
    parser.add_argument("--seed", type=int, default=0, help="decides every choice")
    parser.add_argument("--one-solution", action="store_true", help="both splits' coordinates are one scaling solution")
    given = parser.parse_args()
    weights = None if given.weights is None else np.array(given.weights)
    table = simulated_choices(
        given.study,
        people=given.people,
        sensitivity=given.sensitivity,
        weights=weights,
        one_solution=given.one_solution,
        seed=given.seed,
    )
    table.to_csv(sys.stdout)


if __name__ == "__main__":
    main()
