"""The workflow as a module of another one: under other names, elsewhere, and twice. docs/module.md is run for real."""

from pathlib import Path

import pytest
import yaml

from workflow_runs import ROOT, TINY, Workplace

MODULE = """\
configfile: "study.yaml"
module {name}:
    snakefile: "{root}/{snakefile}"
    config: {config}
    prefix: "{name}"
use rule * from {name} as {name}_*
"""
OTHER = {"models": [{"name": "other", "backbone": "efficientnet_lite0", "weights": "none"}]}


class Host(Workplace):
    """A workflow of somebody's, with the given Snakefile."""

    def __init__(self, folder: Path, snakefile: str) -> None:
        super().__init__(folder)
        (folder / "Snakefile").write_text(snakefile)
        default = yaml.safe_load((ROOT / "config/config.yaml").read_text())
        tiny = yaml.safe_load(TINY)
        dataset = default["dataset"] | tiny["dataset"]
        (folder / "study.yaml").write_text(yaml.safe_dump(tiny | {"dataset": dataset}))

    def arguments(self, *arguments: str) -> list[str]:
        whole = super().arguments(*arguments, "--configfile", "study.yaml")
        whole[whole.index("--snakefile") + 1] = "Snakefile"
        return whole


@pytest.fixture
def twice(tmp_path) -> Host:
    modules = [("one", "config", "Snakefile"), ("two", f"config | {OTHER}", "workflow/Snakefile")]
    texts = [MODULE.format(root=ROOT, name=name, config=config, snakefile=s) for name, config, s in modules]
    return Host(tmp_path / "host", "".join(texts))


def test_two_studies_are_two_modules_and_a_stage_of_each_is_a_target_by_its_name_there(twice):
    assert set(twice.planned("one_procrustes")) == {
        f"one_{stage}"
        for stage in ("download", "restructure", "tfrecords", "pretrained_weights", "features", "train_head", "finetune",
                      "activations", "extract_embeddings", "procrustes")
    }  # fmt: skip
    planned = twice.planned("two_procrustes")
    assert planned["two_activations"] == 3
    assert "two_pretrained_weights" not in planned
    result = twice.dry_run("two_summary")
    assert "two/results/tiny/models/other/seed-0/metrics.json" in result.stdout + result.stderr
    assert "two/two" not in result.stdout + result.stderr


def test_a_file_lost_from_a_modules_raw_folder_is_noticed(twice):
    result = twice.snakemake("one_restructure")
    assert result.returncode == 0, result.stderr
    assert twice.planned("one_restructure") == {}
    (twice.folder / "one/results/tiny/raw/360 Rocks/I_Andesite_01.jpg").unlink()
    assert set(twice.planned("one_restructure")) == {"one_download", "one_restructure"}


def test_rules_without_their_library_say_what_to_do(tmp_path):
    """As Snakemake fetches them from a forge: rule files alone."""
    for file in ("Snakefile", *(f"workflow/rules/{path.name}" for path in (ROOT / "workflow/rules").glob("*.smk"))):
        (tmp_path / "fetched" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fetched" / file).write_text((ROOT / file).read_text())
    host = Host(
        tmp_path / "host", MODULE.format(root=tmp_path / "fetched", name="one", config="config", snakefile="Snakefile")
    )
    result = host.dry_run()
    assert result.returncode != 0
    assert "clone the repository" in result.stdout + result.stderr
