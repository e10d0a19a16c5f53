"""The configuration: checked against its JSON schema, with every default filled in."""

import difflib
import json
import math
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError, best_match

from rockspace.baselines import classifies
from rockspace.config_files import DEEPEST, MOST_VALUES
from rockspace.errors import RockspaceError, is_printable
from rockspace.network_kinds import as_it_is, is_trained, settle

SPACES_OF_NETWORKS = ("embedding", "components", "predicted", "outputs")
"""The spaces in which people's choices are explained, beside people's own coordinates and tables of others."""

SCHEMA = Path(__file__).with_name("config.schema.yaml")
CREDENTIALS = re.compile(r"[a-z0-9+.-]://[^/?#\s]*@", re.IGNORECASE)
"""A user name or password in an address; a run keeps its configuration in its results."""

LONGEST_SHOWN = 200
"""Characters of a value in a message."""

SCRIPTS = re.compile(r"<(/script|!--)", re.IGNORECASE)
"""What ends a script in a web page, from where a page that embeds the configuration would run what follows."""

RECIPE_SECTIONS = ("head", "train_head", "finetune", "augmentation", "evaluate")
"""Sections that a model may lay its own values over, under its key ``recipe``."""

VALIDATION_RULES = ("fraction", "list", "tokens", "column")
"""Keys of the validation split that pick its images out of the training images."""

REMOVED = {
    "responses": "people's choices have a section of their own; name the file in choices.files",
    "mixup": "it gained nothing on eight photographs of each label",
    "cutmix": "it gained nothing on eight photographs of each label",
    "layer_decay": "rates are now those of the network as it was published; lower finetune.learning_rate",
    "backbone_rate": "rates are now those of the network as it was published; lower finetune.learning_rate",
}
"""Keys that there were, and why they went or what serves instead."""

FORMATS = FormatChecker()
# Besides what is no pattern: repeated or nested more often than patterns can be.
FORMATS.checks("regex", raises=(re.error, OverflowError, RecursionError))(
    lambda value: not isinstance(value, str) or bool(re.compile(value))
)
# Brackets without an address in them, and ports that there are not.
FORMATS.checks("address", raises=ValueError)(lambda value: not isinstance(value, str) or urlsplit(value).port != 0)


@cache
def load_schema() -> dict[str, Any]:
    """Return the JSON schema of the configuration, with its references resolved in place; not to be changed."""
    # Every job reads it; libyaml's loader, where PyYAML has it, is ten times faster.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    schema = loader(SCHEMA.read_text(encoding="utf-8")).get_single_data()
    return _inline(schema, schema.pop("$defs"))


def validated(config: dict[str, Any]) -> dict[str, Any]:
    """Check a configuration and fill in what it leaves out.

    Args:
        config: As read from one or more config files; left as it is.

    Returns:
        A copy in which every optional key has a value, and every model's ``recipe`` holds its sections whole.

    Raises:
        RockspaceError: One line with the key, what was found and what is allowed.
    """
    schema = load_schema()
    _check_texts(config)
    # Through JSON, since Snakemake hands over ordered mappings and tuples, and YAML makes dates of names.
    config = json.loads(json.dumps(config, default=str))
    config["models"] = _named_models(config.get("models"))
    filled = _filled_and_checked(config, schema)
    for i, model in enumerate(filled["models"]):
        settle(model, f"config: models[{i}]")
        own = model["recipe"]
        layers = filled["embeddings"]["layers"] if model["layers"] is None else model["layers"]
        model["layers"] = [layers] if isinstance(layers, str) else layers
        model["recipe"] = {name: laid_over(filled[name], own.get(name, {})) for name in RECIPE_SECTIONS}
    filled = _filled_and_checked(filled, _with_whole_recipes(schema))
    filled["dataset"]["labels"] = source_of_labels(filled["dataset"])
    _check_across_keys(filled)
    _settle_validation(filled["dataset"]["splits"])
    _settle_dimensions(filled["dataset"])
    return filled


def _named_models(models: Any) -> Any:
    """Write models that are a text, what backbone or embeddings would name, as items: the networks as they are."""
    models = [models] if isinstance(models, str) else models
    if not isinstance(models, list):
        return models
    return [as_it_is(model) if isinstance(model, str) else model for model in models]


def laid_over(config: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return ``config`` with ``other`` laid over it, as ``--configfile`` does: mappings merge, all else is replaced."""
    both = {
        key: laid_over(config[key], value)
        for key, value in other.items()
        if isinstance(value, dict) and isinstance(config.get(key), dict)
    }
    return config | other | both


def has_folder(config: Mapping[str, Any]) -> bool:
    """Say whether the ``dataset`` of a configuration that is not validated yet is a folder, or has one to be looked through."""
    dataset = config.get("dataset")
    return isinstance(dataset, str) or (isinstance(dataset, Mapping) and "folder" in dataset)


def differing(config: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``config`` says that ``default`` does not: `laid_over` the default, it gives ``config``."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and isinstance(default.get(key), Mapping):
            value = differing(value, default[key]) or default[key]
        if key not in default or value != default[key]:
            found[key] = value
    return found


def _filled_and_checked(config: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    filled: dict[str, Any] = _fill(config, schema)
    _check_finite(filled)
    _check(filled, schema)
    return filled


def _check(config: dict[str, Any], schema: dict[str, Any]) -> None:
    error = best_match(Draft202012Validator(schema, format_checker=FORMATS).iter_errors(config))
    if error is not None:
        raise RockspaceError(_explain(error))


def check_part(config: dict[str, Any]) -> None:
    """Check what a configuration has, whatever it lacks.

    Raises:
        RockspaceError: As for `validated`.
    """
    _check_texts(config)
    schema = _of_part(load_schema())
    _check(_fill(json.loads(json.dumps(config, default=str)), schema), schema)


def _of_part(schema: Any) -> Any:
    """The schema of a part of a configuration: nothing is required, and nothing is filled in."""
    if isinstance(schema, dict):
        return {
            key: _of_part(part)
            for key, part in schema.items()
            if not (key == "required" and isinstance(part, list)) and key != "default"
        }
    return [_of_part(part) for part in schema] if isinstance(schema, list) else schema


def _with_whole_recipes(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a configuration whose recipes are whole sections."""
    schema = deepcopy(schema)
    recipe = schema["properties"]["models"]["items"]["properties"]["recipe"]
    recipe["properties"] = {name: schema["properties"][name] for name in RECIPE_SECTIONS}
    return schema


def needs_pixels(recipe: dict[str, Any]) -> bool:
    """Say whether training and evaluating a model needs pixels, or features of its frozen backbone alone."""
    return recipe["finetune"]["epochs"] > 0 or recipe["evaluate"]["views"] > 1


def source_of_labels(dataset: Mapping[str, Any]) -> str:
    """Return where a ``dataset`` section takes labels from: ``names``, ``folders``, ``table`` or ``none``."""
    return dataset.get("labels") or ("table" if dataset.get("columns", {}).get("label") else "names")


def _inline(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            return _inline(definitions[node["$ref"].rpartition("/")[2]], definitions)
        return {key: _inline(value, definitions) for key, value in node.items()}
    return [_inline(item, definitions) for item in node] if isinstance(node, list) else node


_SCALARS: dict[str, Any] = {"integer": (int, float), "number": (int, float), "boolean": bool, "null": type(None)}


def _scalar(value: Any, schema: dict[str, Any]) -> Any:
    """Read a scalar as the kind that the schema wants.

    ``--config 'seeds=[0, 1]'`` hands over as text what is in brackets, and to YAML ``1e-5`` is a text. A whole number written
    ``2.0`` is an integer to JSON schema.
    """
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(value, str):
        value = _from_text(value, kinds)
    is_whole = isinstance(value, float) and value.is_integer()
    return int(value) if is_whole and "integer" in kinds and "number" not in kinds else value


def _from_text(value: str, kinds: list[str]) -> Any:
    try:
        read = json.loads(value.lower())
    except (ValueError, RecursionError):
        return value
    wanted = [kind for kind in kinds if kind in _SCALARS and ("string" not in kinds or kind == "null")]
    if isinstance(read, bool) and "boolean" not in wanted:
        return value
    return read if any(isinstance(read, _SCALARS[kind]) for kind in wanted) else value


def _fill(value: Any, schema: dict[str, Any]) -> Any:
    """Fill defaults depth first, keys in the schema's order; a value of the wrong type is left for the validator.

    Laying one config file over another changes the order of keys, and Snakemake would take that for a change of value.
    """
    if isinstance(value, dict):
        filled = {}
        for key, part in schema.get("properties", {}).items():
            if key in value or "default" in part:
                filled[key] = _fill(value[key] if key in value else deepcopy(part["default"]), part)
        return filled | {key: other for key, other in value.items() if key not in filled}
    if isinstance(value, list) and "items" in schema:
        return [_fill(item, schema["items"]) for item in value]
    return _scalar(value, schema)


def _check_texts(config: dict[str, Any]) -> None:
    """Refuse more than a study can mean, and texts that no path can hold or that a page with the configuration would run."""
    left: list[tuple[Any, tuple[str | int, ...]]] = [(config, ())]
    count = 0
    while left:
        value, path = left.pop()
        count += 1
        if count > MOST_VALUES or len(path) > DEEPEST:
            raise RockspaceError(
                f"config: {_key(path[:1])}: more than {MOST_VALUES} values, or {DEEPEST} mappings and lists inside each other"
            )
        if isinstance(value, str) and not is_printable(value):
            raise RockspaceError(
                f"config: {_key(path)}: found {_shown(value)}; allowed: a text in one line, without control characters"
            )
        if isinstance(value, str) and (found := SCRIPTS.search(value)):
            raise RockspaceError(
                f"config: {_key(path)}: found {found[0]!r}; allowed: a text that ends no script of a web page"
            )
        if isinstance(value, str) and CREDENTIALS.search(value):
            raise RockspaceError(
                f"config: {_key(path)}: found an address with a user name or password, which results would keep; allowed: an "
                "address without, and a personal token of OSF in the environment variable OSF_TOKEN"
            )
        if isinstance(value, dict):
            left += [(part, (*path, key)) for key, part in value.items()]
            left += [(key, path) for key in value if isinstance(key, str)]
        elif isinstance(value, list | tuple):
            left += [(part, (*path, i)) for i, part in enumerate(value)]


def _check_finite(value: Any, path: tuple[str | int, ...] = ()) -> None:
    """Refuse what YAML has and JSON has not: NaN compares with no limit, so no rule of the schema would catch it."""
    if isinstance(value, float) and not math.isfinite(value):
        raise RockspaceError(f"config: {_key(path)}: found {value}; allowed: a finite number")
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        _check_finite(part, (*path, key))


def _explain(error: ValidationError) -> str:
    where = _key(error.absolute_path)
    prefix = f"{where}." if error.absolute_path else ""
    match error.validator:
        case "additionalProperties":
            allowed = sorted(error.schema["properties"])
            unknown = sorted(set(error.instance) - set(allowed))[0]
            if unknown in REMOVED:
                return f"config: {prefix}{unknown}: removed; {REMOVED[unknown]}"
            close = difflib.get_close_matches(unknown, allowed, n=1)
            hint = f"did you mean '{close[0]}'? " if close else ""
            # In quotes where it has characters that are not seen, such as a space without width.
            shown = unknown if unknown.isprintable() else repr(unknown)
            return f"config: {prefix}{shown}: unknown key; {hint}Allowed here: {', '.join(allowed)}"
        case "required":
            missing = next(key for key in error.validator_value if key not in error.instance)
            return f"config: {prefix}{missing}: missing; {_describe(error.schema['properties'][missing])}"
        case _:
            return f"config: {where}: found {_shown(error.instance)}; allowed: {_allowed(error)}"


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _key(path: Any) -> str:
    """Write a path the way people write it: ``models[0].backbone``."""
    return re.sub(r"\.\[", "[", ".".join(f"[{p}]" if isinstance(p, int) else str(p) for p in path)) or "config"


def _describe(schema: dict[str, Any]) -> str:
    return re.sub(r"\s+", " ", schema.get("description", "")).strip()


def _allowed(error: ValidationError) -> str:
    rule, limit, schema = error.validator, error.validator_value, error.schema
    words = {
        "enum": lambda: ", ".join(json.dumps(v) for v in limit),
        "type": lambda: " or ".join(limit) if isinstance(limit, list) else limit,
        "minimum": lambda: f"at least {limit}",
        "maximum": lambda: f"at most {limit}",
        "exclusiveMinimum": lambda: f"more than {limit}",
        "exclusiveMaximum": lambda: f"less than {limit}",
        "minItems": lambda: f"at least {limit} item(s)",
        "maxItems": lambda: f"at most {limit} items",
        "minLength": lambda: "a text that is not empty",
        "uniqueItems": lambda: "no item twice",
        "pattern": lambda: f"a text that matches {limit}",
        "format": lambda: f"a valid {limit}",
    }
    rule_text = words.get(rule, lambda: error.message)()
    return f"{rule_text} ({_describe(schema)})" if _describe(schema) else rule_text


def _check_across_keys(config: dict[str, Any]) -> None:
    """What a schema cannot say about keys that depend on each other."""
    dataset = config["dataset"]
    if dataset["source"] == "directory" and "directory" not in dataset:
        raise RockspaceError("config: dataset.directory: missing; with 'source: directory' it names the folder to read")
    if dataset["labels"] == "names" and "label" not in re.compile(dataset["filename"] or "").groupindex:
        raise RockspaceError(
            f"config: dataset.filename: found {json.dumps(dataset['filename'])}; allowed: a pattern with a group "
            "(?P<label>...), unless dataset.columns.label names a column, or dataset.labels is folders or none"
        )
    if dataset["labels"] == "table" and not dataset["columns"].get("label"):
        raise RockspaceError(
            "config: dataset.columns.label: missing; with 'labels: table' it names the column of labels"
        )
    if dataset["labels"] == "none" and config["choices"]["files"]:
        raise RockspaceError(
            f"config: choices.files: found {json.dumps(config['choices']['files'])}; allowed: nothing, since people chose among "
            "labels and dataset.labels is none"
        )
    for i, reference in enumerate(config["references"]):
        if reference["metric"] == "validation_top1" and not 0 <= reference["value"] <= 1:
            raise RockspaceError(
                f"config: references[{i}].value: found {reference['value']}; allowed: a share from 0 to 1, such as 0.625 for 62.5 %"
            )
    columns = dataset["columns"]
    for role, other in (("dimension", "value"), ("value", "dimension")):
        if role in columns and other not in columns:
            raise RockspaceError(
                f"config: dataset.columns.{other}: missing; a long table needs it beside columns.{role}"
            )
    tokens = dataset["splits"]["validation"].get("tokens")
    if tokens is not None and "token" not in re.compile(dataset["filename"] or "").groupindex:
        raise RockspaceError(
            f"config: dataset.splits.validation.tokens: found {json.dumps(tokens)}; allowed: nothing, unless dataset.filename has "
            "a group (?P<token>...)"
        )
    _check_names(config["models"], "models", "model")
    names = [model["name"] for model in config["models"]]
    for i, model in enumerate(config["models"]):
        _check_model(config, model, f"config: models[{i}]")
    trained = [model["name"] for model in config["models"] if is_trained(model)]
    _check_choices(config["choices"])
    _check_ensembles(config["ensembles"], names, trained, config["seeds"])


def _check_choices(choices: Mapping[str, Any]) -> None:
    _check_names(choices["variants"], "choices.variants", "variant")
    _check_names(choices["spaces"], "choices.spaces", "space", ["coordinates", *SPACES_OF_NETWORKS])
    role_of: dict[str, str] = {}
    for role, column in choices["columns"].items():
        if column is not None and role_of.setdefault(column, role) != role:
            raise RockspaceError(
                f"config: choices.columns.{role}: found {json.dumps(column)}, as {role_of[column]}; each needs its own column"
            )
    if choices["studied"]["tokens"] and choices["studied"]["file"]:
        raise RockspaceError("config: choices.studied: found tokens and file; allowed: one of them")
    sets = list({tuple(each["categories"]) for each in choices["conditions"].values()})
    for i, variant in enumerate(choices["variants"]):
        if variant["biases"] == "free" and len(sets) > 1:
            raise RockspaceError(
                f'config: choices.variants[{i}].biases: found "free"; allowed: "equal" or "free by condition", since the conditions have '
                "different categories"
            )
        scaling = variant["response_scaling"]
        if variant["prototype"] and isinstance(scaling, str) and isinstance(variant["sensitivity"], str):
            raise RockspaceError(
                f"config: choices.variants[{i}].response_scaling: found {json.dumps(scaling)}; allowed: a number, since with one prototype for "
                "each category it does the same as sensitivity"
            )
        if variant["strengths"] != "equal" and (variant["prototype"] or not choices["studied"]["file"]):
            raise RockspaceError(
                f'config: choices.variants[{i}].strengths: found {json.dumps(variant["strengths"])}; allowed: "equal", unless '
                "choices.studied.file tells groups of exemplars apart and prototype is false"
            )


def _check_names(entries: list[dict[str, Any]], key: str, what: str, taken: Sequence[str] = ()) -> None:
    names = {name.lower(): name for name in taken}
    for i, entry in enumerate(entries):
        name = entry["name"]
        if other := names.get(name.lower()):
            found = f"{name!r} twice" if other == name else f"{other!r} and {name!r}, one folder on some file systems"
            raise RockspaceError(f"config: {key}[{i}].name: found {found}; each {what} needs its own name")
        names[name.lower()] = name


def _check_ensembles(ensembles: list[dict[str, Any]], names: list[str], trained: list[str], seeds: list[int]) -> None:
    _check_names(ensembles, "ensembles", "model and ensemble", names)
    for i, ensemble in enumerate(ensembles):
        for key, allowed in (("models", trained), ("seeds", seeds)):
            if not allowed:
                raise RockspaceError(
                    f"config: ensembles[{i}]: found an ensemble; allowed: none, since no model is trained"
                )
            for value in ensemble[key] or []:
                if value not in allowed:
                    raise RockspaceError(
                        f"config: ensembles[{i}].{key}: found {json.dumps(value)}; allowed: "
                        f"{', '.join(map(json.dumps, allowed))}"
                    )


def _check_model(config: dict[str, Any], model: dict[str, Any], where: str) -> None:
    """What a model's keys, its recipe and the study's sections demand of each other."""
    if classifies(model) and config["dataset"]["labels"] == "none":
        raise RockspaceError(
            f"{where}.objective: found {json.dumps(model['objective'])}, which learns labels, and dataset.labels is none; "
            'allowed: "coordinates" or "none"'
        )
    recipe, stored = model["recipe"], config["tfrecords"]["image_size"] + config["tfrecords"]["margin"]
    if (model["image_size"] or 0) > stored:
        raise RockspaceError(
            f"{where}.image_size: found {model['image_size']}; allowed: at most {stored}, which is what is stored "
            "(tfrecords.image_size and tfrecords.margin)"
        )
    for key in ("selection", "refit"):
        if recipe["finetune"][key] != config["finetune"][key]:
            raise RockspaceError(
                f"{where}.recipe.finetune.{key}: found {json.dumps(recipe['finetune'][key])}; allowed: "
                f"{json.dumps(config['finetune'][key])}, as in finetune.{key}, which all models share"
            )
    smallest, largest = recipe["augmentation"]["crop"]
    if smallest > largest:
        raise RockspaceError(
            f"{where}.recipe.augmentation.crop: found [{smallest}, {largest}]; allowed: the smaller share first"
        )
    for section in ("train_head", "finetune"):
        optimizer, decay = recipe[section]["optimizer"], recipe[section]["weight_decay"]
        if decay and optimizer != "adamw":
            raise RockspaceError(
                f"{where}.recipe.{section}.weight_decay: found {decay} with the optimizer {optimizer}, which has none; "
                "allowed: 0, or the optimizer adamw"
            )
    if recipe["train_head"]["solver"] == "exact":
        needed = {
            "head.units": (recipe["head"]["units"], []),
            "head.logits": (recipe["head"]["logits"], "linear"),
            "train_head.label_smoothing": (recipe["train_head"]["label_smoothing"], 0),
        }
        for key, (found, allowed) in needed.items():
            if found != allowed:
                raise RockspaceError(
                    f"{where}.recipe.{key}: found {json.dumps(found)}; allowed: {json.dumps(allowed)}, "
                    "since train_head.solver is exact"
                )


def _settle_validation(splits: dict[str, Any]) -> None:
    """Keep either a rule or the files of the validation split: of two config files, each may have given one."""
    train, validation = splits["train"], splits["validation"]
    rules = {key: validation[key] for key in VALIDATION_RULES if validation.get(key) is not None}
    if len(rules) > 1:
        raise RockspaceError(
            f"config: dataset.splits.validation: found {' and '.join(rules)}; allowed: one of {', '.join(VALIDATION_RULES)}"
        )
    if rules:
        rules |= {"seed": validation.get("seed", 0)} if "fraction" in rules else {}
        rules |= {"individual": train["individual"]} if "individual" in train else {}
        splits["validation"] = rules
        return
    for key in ("images", "coordinates"):
        if key not in validation:
            raise RockspaceError(
                f"config: dataset.splits.validation.{key}: missing; name the validation images and their coordinates, "
                "or write 'validation: {fraction: 0.25}' to draw them from the training images"
            )
    if "list" in train:
        raise RockspaceError(
            f"config: dataset.splits.train.list: found {json.dumps(train['list'])}; allowed: nothing where the validation images "
            "have a pattern; write a pattern of all images in train.images, and validation.list"
        )
    for key in (*VALIDATION_RULES, "seed"):
        validation.pop(key, None)


def _settle_dimensions(dataset: dict[str, Any]) -> None:
    """Of names for each coordinates file, keep those of the study's own files."""
    if isinstance(dataset["dimensions"], dict):
        files = [split["coordinates"] for split in dataset["splits"].values() if "coordinates" in split]
        names = [dataset["dimensions"].get(file) for file in files]
        dataset["dimensions"] = names[0] if names[0] and all(each == names[0] for each in names) else []


def validation_rule(dataset: Mapping[str, Any]) -> str | None:
    """Return the key that picks validation images out of the training images; None if they have a pattern of their own."""
    return next((key for key in VALIDATION_RULES if key in dataset["splits"].get("validation", {})), None)


def is_one_solution(dataset: Mapping[str, Any], files: str) -> bool:
    """Return whether both splits' coordinates come from one scaling solution: one file, or images picked from one file.

    Args:
        dataset: The section of the configuration.
        files: ``coordinates`` of the group, or those of an ``individual``.
    """
    train, validation = dataset["splits"]["train"], dataset["splits"]["validation"]
    return validation_rule(dataset) is not None or train.get(files) == validation.get(files)
