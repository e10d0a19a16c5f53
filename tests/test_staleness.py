"""What decides whether a stage is done again: what it reads, its part of the configuration and its code; nothing else."""

import copy
import os
import shutil
from pathlib import Path

import pytest
import yaml

from rockspace.config import laid_over, load_schema
from workflow_runs import ROOT, TINY, Workplace

RUN = "results/tiny/models/lite0/seed-0"
SUMMARY = {"summary", "overview"}
PROCRUSTES = {"procrustes", "alignment_pictures", "layer_profile", "comparison", "explorer"} | SUMMARY
EVALUATE = {"evaluate", "mistakes", "explorer"} | SUMMARY
EMBED = {"extract_embeddings"} | PROCRUSTES
INFER = {"infer"} | EVALUATE | EMBED
FINETUNE = {"finetune", "curves", "learning_curves"} | INFER
HEAD = {"train_head"} | FINETUNE
FEATURES = {"features"} | HEAD
SEEN = FEATURES | {"augmentation_preview"}
TFRECORDS = {"tfrecords"} | SEEN
COORDINATES = {"coordinates"} | PROCRUSTES
RESTRUCTURE = {"restructure", "contact_sheet"} | COORDINATES | TFRECORDS
EVERYTHING = {"download"} | RESTRUCTURE
# The overview shows the whole configuration, so it is made again with any of it.
SHOWN = {"configuration", "overview"}

(LITE,) = yaml.safe_load(TINY)["models"]
ROCKS = {"train": "mds_360.txt", "validation": "mds_120.txt"}

# For each key, a value other than that of the tiny study, and all stages that it makes again.
TABLE = {
    "study": ("other", EVERYTHING),
    "dataset.source": ("osf", EVERYTHING),
    "dataset.osf.node": ("abcde", SHOWN),
    "dataset.osf.api": ("https://example.org", SHOWN),
    "dataset.directory": ("elsewhere", SHOWN),
    "dataset.synthetic.seed": (2, EVERYTHING),
    "dataset.synthetic.subtypes": (5, EVERYTHING),
    "dataset.synthetic.per_subtype.train": (7, EVERYTHING),
    "dataset.synthetic.per_subtype.validation": (4, EVERYTHING),
    "dataset.synthetic.image_size": (64, EVERYTHING),
    "dataset.filename": (r"(?P<superclass>[A-Z])_(?P<label>.+?)_.+", RESTRUCTURE),
    "dataset.labels": ("folders", RESTRUCTURE),
    "dataset.splits.train.images": ("360 Rocks/*_*.jpg", EVERYTHING),
    "dataset.splits.train.coordinates": ("*_360.txt", {"download"} | COORDINATES),
    "dataset.splits.train.individual": ("people/*.txt", {"download", "individuals"} | COORDINATES),
    "dataset.splits.validation.images": ("120 Rocks/*_*.jpg", EVERYTHING),
    "dataset.splits.validation.coordinates": ("*_120.txt", {"download"} | COORDINATES),
    "dataset.splits.validation.individual": ("people/*.txt", {"download", "individuals"} | COORDINATES),
    "dataset.splits.validation.fraction": (0.5, EVERYTHING),
    "dataset.splits.validation.list": ("held_out.txt", EVERYTHING),
    "dataset.splits.validation.tokens": ("1-2", EVERYTHING),
    "dataset.splits.validation.column": ("split", EVERYTHING),
    "dataset.splits.validation.seed": (1, set()),
    "dataset.splits.train.list": ("used.txt", EVERYTHING),
    "dataset.splits.train.names": ("names.txt", {"download"} | COORDINATES),
    "dataset.splits.validation.names": ("names.txt", {"download"} | COORDINATES),
    "dataset.splits.train.labels": ("labels.csv", SHOWN),
    "dataset.splits.validation.labels": ("labels.csv", SHOWN),
    "dataset.columns.image": ("photo", COORDINATES),
    "dataset.columns.label": ("label", EVERYTHING),
    "dataset.columns.superclass": ("superclass", COORDINATES),
    "dataset.columns.dimension": ("dimension", COORDINATES),
    "dataset.columns.value": ("value", COORDINATES),
    "dataset.columns.variable": ("Y", COORDINATES),
    "dataset.order": ("natural", COORDINATES),
    "dataset.dimensions": (list("abcdefgh"), COORDINATES),
    "models[].name": ("other", FEATURES | {"augmentation_preview"}),
    "models[].backbone": ("efficientnet_lite1", {"pretrained_weights"} | FEATURES),
    "models[].weights": ("none", FEATURES),
    # The model of another file than a network's, and thus another: without training, from its embeddings on.
    "models[].embeddings": ("clip.npy", {"ready_embeddings"} | PROCRUSTES),
    "models[].names": ("names.txt", {"ready_embeddings"} | PROCRUSTES),
    "models[].layers": (["penultimate", "block1a_project_bn"], INFER),
    "models[].output_layer": ("block5c_add", FEATURES),
    "models[].preprocessing": ("unit", FEATURES),
    "models[].feature_layers": (["block1a_project_bn"], FEATURES),
    "models[].pooling": ("mean_std", FEATURES),
    "models[].image_size": (34, SEEN),
    # What learns no labels makes no mistakes.
    "models[].objective": ("coordinates", HEAD - {"mistakes"}),
    "models[].coordinates_weight": (2.0, SHOWN),
    "models[].recipe.head": ({"dropout": 0.2}, HEAD),
    "models[].recipe.train_head": ({"epochs": 3}, HEAD),
    "models[].recipe.finetune": ({"learning_rate": 0.1}, FINETUNE),
    "models[].recipe.augmentation": ({"rotation": 3}, SEEN),
    "models[].recipe.evaluate": ({"views": 2}, INFER),
    # Nothing is trained for baselines.
    "baselines": (["untrained"], INFER),
    "seeds": ([0, 1], HEAD),
    "tfrecords.image_size": (34, TFRECORDS),
    "tfrecords.margin": (6, TFRECORDS),
    "tfrecords.fit": ("crop", TFRECORDS),
    "tfrecords.background": ([0, 0, 0], TFRECORDS | {"contact_sheet"}),
    "tfrecords.shards.train": (1, TFRECORDS),
    "tfrecords.shards.validation": (
        2,
        TFRECORDS - {"augmentation_preview", "features", "train_head", "finetune", "curves", "learning_curves"},
    ),
    "ensembles": ([{"name": "all"}], {"ensemble", "ensemble_confusion"} | SUMMARY),
    "search.folds": (3, SHOWN),
    "search.repeats": (2, SHOWN),
    "precision": ("bfloat16", FEATURES),
    "head.units": ([8], HEAD),
    "head.dropout": (0.2, HEAD),
    "head.logits": ("cosine", HEAD),
    "head.cosine_scale": (3.0, HEAD),
    "train_head.solver": ("exact", HEAD),
    "train_head.views": (2, FEATURES),
    "train_head.epochs": (3, HEAD),
    "train_head.batch_size": (4, HEAD),
    "train_head.optimizer": ("sgd", HEAD),
    "train_head.learning_rate": (0.1, HEAD),
    "train_head.weight_decay": (0.1, HEAD),
    "train_head.label_smoothing": (0.1, HEAD),
    "train_head.schedule": ("cosine", HEAD),
    "train_head.warmup_epochs": (1, HEAD),
    "finetune.epochs": (3, FINETUNE),
    "finetune.batch_size": (4, FINETUNE),
    "finetune.selection": ("validation", FEATURES),
    "finetune.from_layer": ("block1a_project_bn", FINETUNE),
    "finetune.holdout_fraction": (0.3, HEAD),
    "finetune.refit": (False, FINETUNE),
    "finetune.batch_norm": ("train", FINETUNE),
    "finetune.weight_decay": (0.1, FINETUNE),
    "augmentation.crop": ([0.5, 1.0], SEEN),
    "evaluate.views": (2, INFER),
    "embeddings.layers": (["penultimate", "block1a_project_bn"], INFER),
    "embeddings.pooling": ("mean_std", INFER),
    "procrustes.reduction": ("pca", PROCRUSTES),
    "choices.files": (["choices.csv"], {"choices", "exemplar", "exemplar_people", "human_choices"} | SHOWN),
    # Without files, the page shows these values and nothing else is made.
    "choices.columns.person": ("who", SHOWN),
    "choices.columns.condition": ("condition", SHOWN),
    "choices.columns.image": ("image", SHOWN),
    "choices.columns.subtype": ("subtype", SHOWN),
    "choices.columns.token": ("token", SHOWN),
    "choices.columns.response": ("response", SHOWN),
    "choices.columns.count": ("count", SHOWN),
    "choices.columns.right": ("right", SHOWN),
    "choices.file_per_person": (True, SHOWN),
    "choices.only": ({"session": 2}, SHOWN),
    "choices.least_accuracy": (0.6, SHOWN),
    "choices.conditions": ({"a": {"categories": ["x", "y"]}}, SHOWN),
    "choices.split": ("train", SHOWN),
    "choices.studied.tokens": ([1, 2], SHOWN),
    "choices.studied.file": ("choices.csv", SHOWN),
    "choices.variants": ([{"name": "x"}], SHOWN),
    "choices.spaces": ([{"name": "x", "file": "choices.csv"}], SHOWN),
    "references": ([{"label": "x", "metric": "validation_top1", "value": 0.5}], SHOWN),
}
# What a value cannot do without.
NEEDED = {
    "models[].embeddings": {"models": [{"name": "lite0", "embeddings": "clip.npy"}]},
    "models[].names": {"models": [{"name": "lite0", "embeddings": "clip.npy", "names": "names.txt"}]},
    "dataset.splits.train.list": {"dataset": {"splits": {"validation": {"fraction": 0.5}}}},
    "dataset.columns.dimension": {"dataset": {"columns": {"value": "value"}}},
    "dataset.columns.value": {"dataset": {"columns": {"dimension": "dimension"}}},
    "train_head.solver": {"head": {"units": [], "dropout": 0}},
    "train_head.weight_decay": {"train_head": {"optimizer": "adamw"}},
    "finetune.weight_decay": {"finetune": {"optimizer": "adamw"}},
}
# Keys of these sections go one way but for those above.
SAME = {"finetune": FINETUNE, "augmentation": SEEN, "procrustes": PROCRUSTES}


def leaves(schema: dict, path: str = "") -> dict[str, dict]:
    """Every key of the configuration that holds a value, with its schema."""
    found = {}
    for key, part in schema.get("properties", {}).items():
        name = f"{path}.{key}" if path else key
        items = part.get("items", {}).get("properties") if name == "models" else None
        if part.get("properties"):
            found |= leaves(part, name)
        elif items:
            found |= leaves(part["items"], f"{name}[]")
        else:
            found[name] = part
    return found


def another(schema: dict) -> object:
    """A value that a key allows, beside its default."""
    default = schema.get("default")
    if "enum" in schema:
        return next(value for value in schema["enum"] if value != default)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    match kinds[0]:
        case "boolean":
            return not default
        case "integer":
            return (default or 1) + 1
        case "number":
            return default / 2 if default else 0.125
        case _:
            raise AssertionError(f"no other value known: {schema}")


def table() -> dict[str, tuple[object, set[str]]]:
    """A row for every key of the configuration."""
    rows = {}
    for name, schema in leaves(load_schema()).items():
        section = name.partition(".")[0]
        if name in TABLE:
            rows[name] = TABLE[name]
        elif section in SAME:
            rows[name] = (another(schema), SAME[section])
        else:
            raise AssertionError(f"{name}: say here which stages it makes again")
    return rows


def changed(name: str, value: object) -> dict:
    """The configuration that lays one value over the tiny study's."""
    *parents, key = name.split(".")
    if parents and parents[0] == "models[]":
        section, other = parents[1:], {key: value}
        for parent in reversed(section):
            other = {parent: other}
        return {"models": [laid_over(LITE, other)]}
    other = {key: value}
    for parent in reversed(parents):
        other = {parent: other}
    return other


def test_every_key_of_the_configuration_makes_again_exactly_what_depends_on_it(finished):
    (finished.folder / "choices.csv").write_text("image,a,b\n")
    for file in ("clip.npy", "names.txt"):
        (finished.folder / file).touch()
    wrong = {}
    for name, (value, stages) in table().items():
        (finished.folder / "change.yaml").write_text(
            yaml.safe_dump(laid_over(changed(name, copy.deepcopy(value)), NEEDED.get(name, {})))
        )
        found = set(finished.planned("--configfile", "tiny.yaml", "change.yaml"))
        expected = stages | SHOWN if stages else set()
        if found != expected:
            wrong[name] = (found - expected, expected - found)
    assert not wrong, "\n".join(f"{name}: too much {more}, too little {less}" for name, (more, less) in wrong.items())


def test_a_finished_study_has_nothing_to_do(finished):
    assert finished.planned() == {}


@pytest.mark.parametrize(
    ("artifact", "stages"),
    [
        ("results/tiny/raw.manifest.json", EVERYTHING),
        ("results/tiny/people.manifest.json", {"download"} | COORDINATES),
        ("results/tiny/images", RESTRUCTURE),
        ("results/tiny/catalog.csv", RESTRUCTURE),
        ("results/tiny/coordinates/train.csv", COORDINATES),
        ("results/tiny/tfrecords/train-00001-of-00002.tfrecord", TFRECORDS),
        ("results/tiny/models/lite0/features/train-00000-of-00002.npz", FEATURES),
        (f"{RUN}/head.keras", HEAD),
        (f"{RUN}/finetuned.keras", FINETUNE),
        (f"{RUN}/metrics.json", INFER),
        (f"{RUN}/confusion.png", {"mistakes", "overview"}),
        (f"{RUN}/curves.svg", {"curves", "overview"}),
        (f"{RUN}/embeddings/penultimate.npz", INFER),
        (f"{RUN}/alignment/penultimate.json", PROCRUSTES),
        (f"{RUN}/alignment/penultimate.png", {"alignment_pictures"}),
        ("results/tiny/summary.md", SUMMARY),
        ("results/tiny/explorer.html", {"explorer"}),
    ],
)
def test_a_deleted_artifact_is_made_again_with_what_was_made_from_it(finished, tmp_path, artifact, stages):
    path, aside = finished.folder / artifact, tmp_path / "aside"
    os.rename(path, aside)
    try:
        assert set(finished.planned()) == stages
    finally:
        os.rename(aside, path)


def test_a_photograph_lost_from_the_archives_folder_is_fetched_again(finished, tmp_path):
    other = finished.copy(tmp_path / "other")
    (other.folder / "results/tiny/raw/360 Rocks/I_Andesite_01.jpg").unlink()
    assert set(other.planned()) == EVERYTHING


def test_a_copy_of_the_whole_folder_has_nothing_to_do_whatever_the_ages_of_its_files(finished, tmp_path):
    other = Workplace(shutil.copytree(finished.folder, tmp_path / "other", copy_function=shutil.copyfile))
    for i, file in enumerate(sorted((other.folder / "results").rglob("*"), reverse=True)):
        os.utime(file, (1.7e9 + 10 * i, 1.7e9 + 10 * i))
    assert other.planned() == {}


@pytest.fixture(scope="module")
def own(finished, tmp_path_factory) -> Workplace:
    """A study of photographs in a folder of the user's own, with odd names, up to its coordinates."""
    workplace = Workplace(tmp_path_factory.mktemp("own") / "here")
    photos = workplace.folder / "my photos {1}"
    for split in ("360 Rocks", "120 Rocks"):
        (photos / split).mkdir(parents=True)
        for file in sorted((finished.folder / "results/tiny/raw" / split).iterdir()):
            # A brace, a space and a letter beyond ASCII in every name.
            name = file.name.replace("Andesite", "Andesite {x} ä")
            shutil.copy(file, photos / split / name)
    for file in ("mds_360.txt", "mds_120.txt"):
        shutil.copy(finished.folder / "results/tiny/people" / file, photos)
    dataset = {"source": "directory", "directory": photos.name}
    (workplace.folder / "tiny.yaml").write_text(yaml.safe_dump(laid_over(yaml.safe_load(TINY), {"dataset": dataset})))
    result = workplace.snakemake("coordinates")
    assert result.returncode == 0, result.stderr
    assert workplace.planned("coordinates") == {}
    return workplace


def photos(workplace: Workplace) -> Path:
    return workplace.folder / "my photos {1}"


def edit_in_place(file: Path) -> None:
    text = file.read_text()
    file.write_text(text.replace("1", "2", 1))


def replace_by_an_older_one(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(file.read_bytes() + b"\n")
    os.utime(other, (1e9, 1e9))
    os.replace(other, file)


COORDINATES_ALONE = {"download", "coordinates"}
IMAGES_TOO = {"download", "restructure", "coordinates"}


@pytest.mark.parametrize(
    ("change", "file", "stages"),
    [
        (edit_in_place, "mds_360.txt", COORDINATES_ALONE),
        (replace_by_an_older_one, "mds_120.txt", COORDINATES_ALONE),
        (replace_by_an_older_one, "360 Rocks/I_Andesite {x} ä_01.jpg", IMAGES_TOO),
        (Path.unlink, "360 Rocks/I_Andesite {x} ä_01.jpg", IMAGES_TOO),
        (
            lambda file: shutil.copy(file, file.with_name("I_Andesite {x} ä_99.jpg")),
            "360 Rocks/I_Andesite {x} ä_01.jpg",
            IMAGES_TOO,
        ),
        (Path.touch, "360 Rocks/I_Andesite {x} ä_01.jpg", set()),
        (Path.touch, "mds_360.txt", set()),
        (lambda file: (file.parent / "notes.txt").write_text("mine"), "mds_360.txt", set()),
    ],
    ids=["edited", "older table", "older image", "deleted", "added", "touched image", "touched table", "another file"],
)
def test_a_change_of_the_users_own_files_makes_again_what_depends_on_them(own, tmp_path, change, file, stages):
    other = own.copy(tmp_path / "other")
    change(photos(other) / file)
    assert set(other.planned("coordinates")) == stages


def test_what_is_written_to_the_results_never_reaches_the_users_own_files(own, tmp_path):
    other = own.copy(tmp_path / "other")
    before = {file: file.read_bytes() for file in photos(other).rglob("*") if file.is_file()}
    for part in ("raw", "images", "people"):
        for file in (other.folder / "results/tiny" / part).rglob("*"):
            if file.is_file():
                file.write_bytes(b"overwritten")
    assert {file: file.read_bytes() for file in before} == before


def test_a_study_goes_on_where_the_users_own_files_are_out_of_reach(own, tmp_path):
    other = own.copy(tmp_path / "other")
    shutil.rmtree(photos(other))
    assert other.planned("coordinates") == {}


def test_another_seed_of_the_draw_divides_the_images_anew_and_fetches_nothing(own, tmp_path):
    other, config = own.copy(tmp_path / "other"), "dataset: {splits: {validation: {fraction: 0.5, seed: %d}}}"
    (other.folder / "drawn.yaml").write_text(config % 0)
    given = ["coordinates", "--configfile", "tiny.yaml", "drawn.yaml"]
    result = other.snakemake(*given)
    assert result.returncode == 0, result.stderr
    (other.folder / "drawn.yaml").write_text(config % 1)
    assert set(other.planned(*given)) == {"restructure", "coordinates"}


def test_neither_the_age_of_a_script_nor_that_of_a_module_makes_anything_again(finished, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    for part in ("Snakefile", "workflow", "profiles"):
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, project / part)
    for file in (project / "workflow").rglob("*"):
        os.utime(file)
    arguments = finished.arguments("--dry-run")
    arguments[arguments.index("--snakefile") + 1] = str(project / "Snakefile")
    from dry_runs import dry_run

    result = dry_run(finished.folder, arguments, finished.environment)
    assert "Nothing to be done" in result.stdout + result.stderr


def test_results_that_come_without_the_record_of_what_made_them_are_told_of(finished, tmp_path):
    other = Workplace(tmp_path / "other")
    shutil.copytree(finished.folder / "results", other.folder / "results")
    assert "results/tiny has no .snakemake/" in other.dry_run().stderr
    assert "without .snakemake/" not in finished.dry_run().stderr
