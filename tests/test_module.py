"""The workflow as a module of another one: under other names, elsewhere, twice, and from a git address."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml

from rockspace.data.synthetic import draw_archive
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
    assert set(twice.planned("one_all", "--until", "one_procrustes")) == {
        f"one_{stage}"
        for stage in ("download", "restructure", "coordinates", "tfrecords", "pretrained_weights", "features", "train_head", "finetune",
                      "infer", "extract_embeddings", "procrustes")
    }  # fmt: skip
    planned = twice.planned("two_all", "--until", "two_procrustes")
    assert planned["two_infer"] == 3
    assert "two_pretrained_weights" not in planned
    result = twice.dry_run("two_summary")
    assert "two/results/tiny/models/other/seed-0/metrics.json" in result.stdout + result.stderr
    assert "two/two" not in result.stdout + result.stderr


def test_a_file_lost_from_a_modules_raw_folder_is_noticed(twice):
    result = twice.snakemake("one_restructure")
    assert result.returncode == 0, result.stderr
    again = "one_all", "--until", "one_restructure"
    assert twice.planned(*again) == {}
    (twice.folder / "one/results/tiny/raw/360 Rocks/I_Andesite_01.jpg").unlink()
    assert set(twice.planned(*again)) == {"one_download", "one_restructure"}


def test_two_modules_with_one_study_name_share_no_folder_and_each_looks_at_its_own_photographs(tmp_path):
    names, drawn = ("one", "two"), yaml.safe_load(TINY)["dataset"]["synthetic"]
    for seed, name in enumerate(names):
        (tmp_path / "host" / name).mkdir(parents=True)
        draw_archive(tmp_path / "host" / name, **drawn | {"seed": seed}, photographs=True)

    def host(**directories: str) -> Host:
        datasets = {name: {"source": "directory", "directory": folder} for name, folder in directories.items()}
        configs = {name: f'config | {{"dataset": config["dataset"] | {dataset}}}' for name, dataset in datasets.items()}
        modules = [MODULE.format(root=ROOT, name=n, config=c, snakefile="Snakefile") for n, c in configs.items()]
        return Host(tmp_path / "host", "".join(modules).replace('prefix: "', 'prefix: "in_'))

    both = host(one="one", two="two")
    planned = both.dry_run("one_all", "two_all")
    assert planned.returncode == 0, planned.stderr
    # Checkpoints lie beside what is trained.
    trained = set(re.findall(r"[^\s,]+/finetuned\.keras", planned.stdout + planned.stderr))
    assert trained == {f"in_{name}/results/tiny/models/lite0/seed-0/finetuned.keras" for name in names}
    for name in names:
        record = json.loads((both.folder / f"in_{name}/results/tiny/.raw.source.json").read_text())
        assert {Path(path).parts[0] for path, *_ in record.values()} == {name}
    refused = host(one="one", two="in_two/results/tiny/raw").dry_run("one_restructure")
    assert "in_two/results/tiny/raw lies in in_two/results/tiny/raw" in refused.stdout + refused.stderr


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """The project as a git repository, with the tag v1."""
    folder = tmp_path_factory.mktemp("forge") / "rockspace"
    shutil.copytree(ROOT / "workflow", folder / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "All"], ["tag", "v1"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """Python of a fresh environment that has what the library depends on, but not the library."""
    folder = tmp_path / "environment"
    venv.create(folder, symlinks=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    return folder / "bin/python"


def from_afar(folder: Path, python: Path, snakefile: str, repository: Path, *arguments: str):
    """Run a host whose module is fetched by Snakemake; the forge's address leads to the repository on disk."""
    host = Host(folder, MODULE.replace('"{root}/{snakefile}"', snakefile).format(name="one", config="config"))
    forge = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{repository.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/owner/rockspace",
        "XDG_CACHE_HOME": str(folder.parent / "cache"),
    }
    command = [str(python), "-m", "snakemake", *host.arguments(*arguments)]
    return subprocess.run(command, cwd=folder, env=os.environ | forge, capture_output=True, text=True, timeout=600)


def test_rules_without_their_library_say_what_to_do(repository, elsewhere, tmp_path):
    snakefile = f'gitfile("{repository}", path="workflow/Snakefile", tag="v1")'
    result = from_afar(tmp_path / "host", elsewhere, snakefile, repository, "--dry-run")
    assert result.returncode != 0
    assert "`pip install git+ADDRESS`" in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("forge", ["gitfile", pytest.param("github", marks=pytest.mark.slow)])
def test_a_module_from_a_git_address_runs_with_the_library_installed_from_there(forge, repository, elsewhere, tmp_path):
    install = ["-m", "pip", "--python", str(elsewhere), "install", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([sys.executable, *install, "--quiet", f"git+{repository.as_uri()}@v1"], check=True)
    place = repository if forge == "gitfile" else "owner/rockspace"
    snakefile = f'{forge}("{place}", path="workflow/Snakefile", tag="v1")'
    # Snakemake 9.27 cannot tell the age of a script of a gitfile.
    arguments = ["one_restructure", "--rerun-triggers", "mtime", "params", "input"]
    result = from_afar(tmp_path / "host", elsewhere, snakefile, repository, *arguments)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "host/one/results/tiny/catalog.csv").is_file()
    where = [str(elsewhere), "-c", "import rockspace; print(rockspace.__file__, rockspace.Procrustes().scale)"]
    found = subprocess.run(where, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert found.stdout.startswith(str(elsewhere.parents[1]))
    assert found.stdout.endswith(" True\n")


def test_condas_environment_gets_the_library_from_the_checkout(repository, elsewhere):
    script = repository / "workflow/envs/rockspace.post-deploy.sh"
    assert script.with_suffix("").with_suffix(".yaml").is_file()
    environment = os.environ | {"PATH": f"{elsewhere.parent}:{os.environ['PATH']}"}
    # pip's own names for: --no-build-isolation, and nothing from an index.
    offline = {"PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1"}
    subprocess.run(["bash", script], cwd=repository, env=environment | offline, check=True)
    where = [str(elsewhere), "-c", "import rockspace; print(rockspace.__file__)"]
    found = subprocess.run(where, cwd=repository.parent, check=True, capture_output=True, text=True)
    assert found.stdout.strip() == str(repository / "workflow/rockspace/__init__.py")
