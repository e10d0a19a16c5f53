"""Studies without labels, or with labels of some images: no image without one is ever of a label called ""."""

import pytest
import yaml

from rockspace.config import validated
from rockspace.errors import RockspaceError
from workflow_runs import ROOT, TINY, Workplace

WITHOUT_LABELS = yaml.safe_load(TINY) | {
    "models": [
        yaml.safe_load(TINY)["models"][0] | {"name": "asis", "objective": "none"},
        yaml.safe_load(TINY)["models"][0] | {"name": "trained", "objective": "coordinates"},
    ],
    "ensembles": [{"name": "both"}],
}
WITHOUT_LABELS["dataset"]["labels"] = "none"


def config(**dataset: object) -> dict:
    given = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    given["models"][0]["objective"] = "coordinates"
    return given | {"dataset": given["dataset"] | dataset}


def test_labels_come_from_names_unless_a_column_of_them_is_named():
    assert validated(config())["dataset"]["labels"] == "names"
    assert validated(config(columns={"label": "kind"}))["dataset"]["labels"] == "table"
    assert validated(config(columns={"label": "kind"}, labels="none"))["dataset"]["labels"] == "none"
    assert validated(config(labels="folders", filename=None))["dataset"]["labels"] == "folders"


@pytest.mark.parametrize("objective", ["classification", "joint"])
def test_what_learns_labels_is_refused_before_any_job_where_there_are_none(objective):
    given = config(labels="none")
    given["models"][0]["objective"] = objective
    with pytest.raises(RockspaceError, match=r"models\[0\]\.objective: .*allowed: \"coordinates\" or \"none\""):
        validated(given)


def test_choices_among_labels_are_refused_where_there_are_none():
    given = config(labels="none")
    given["dataset"]["splits"]["validation"]["responses"] = "choices.csv"
    with pytest.raises(RockspaceError, match=r"splits\.validation\.responses: found \"choices.csv\"; allowed: nothing"):
        validated(given)


def test_mistakes_and_confusions_are_planned_for_models_that_learn_labels_alone(tmp_path):
    planned = Workplace(tmp_path / "none", yaml.safe_dump(WITHOUT_LABELS)).planned()
    assert planned["finetune"] == planned["evaluate"] == planned["ensemble"] == 1
    assert planned["mistakes"] == planned["ensemble_confusion"] == 0
    labelled = yaml.safe_load(yaml.safe_dump(WITHOUT_LABELS))
    labelled["dataset"]["labels"] = "names"
    labelled["models"][0]["objective"] = "joint"
    planned = Workplace(tmp_path / "names", yaml.safe_dump(labelled)).planned()
    assert (planned["evaluate"], planned["mistakes"], planned["ensemble_confusion"]) == (2, 1, 1)
