"""The configuration is checked before any job starts, and every complaint is one useful line."""

import json
import math
import re
from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rockspace.config import laid_over, load_schema, validated
from rockspace.errors import RockspaceError
from rockspace.limits import time_limit
from tools.config_reference import reference

CONFIG = Path(__file__).parents[1] / "config"


def rocks() -> dict:
    return yaml.safe_load((CONFIG / "config.yaml").read_text())


def keys(schema: dict, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every key of the schema that is not inside a list."""
    found = []
    for key, part in schema["properties"].items():
        found.append((*path, key))
        found += keys(part, (*path, key)) if "properties" in part else []
    return found


def set_at(config: dict, path: tuple[str, ...], value: object) -> None:
    for key in path[:-1]:
        config = config.setdefault(key, {})
    config[path[-1]] = value


def complaint(config: dict) -> str:
    with pytest.raises(RockspaceError) as error:
        validated(config)
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.name)
def test_the_configurations_that_come_with_the_project_are_valid_over_the_default(path):
    assert validated(laid_over(rocks(), yaml.safe_load(path.read_text())))["study"]


def test_defaults_are_filled_in_and_the_input_is_left_as_it_is():
    config = {key: rocks()[key] for key in ("study", "dataset", "models")}
    before = yaml.safe_dump(config)
    filled = validated(config)
    assert filled["finetune"]["selection"] == "holdout"
    assert filled["models"][0]["weights"] == "imagenet"
    assert yaml.safe_dump(config) == before


@settings(deadline=None)
@given(st.sampled_from(keys(load_schema())), st.integers(min_value=0, max_value=50))
def test_a_misspelt_key_anywhere_is_named_with_its_place_and_what_was_meant(path, at):
    config, wrong = rocks(), path[-1][: at % len(path[-1])] + "x" + path[-1][at % len(path[-1]) :]
    set_at(config, (*path[:-1], wrong), 1)
    text = complaint(config)
    assert ".".join((*path[:-1], wrong)) in text
    assert "unknown key" in text


@settings(deadline=None)
@given(st.sampled_from(keys(load_schema())))
def test_a_value_of_the_wrong_kind_is_named_with_its_key_and_what_was_found(path):
    config = rocks()
    set_at(config, path, {"surprise": 1} if path[-1] not in ("dataset", "only") else 7)
    text = complaint(config)
    assert path[0] in text
    assert re.search(r"surprise|found 7", text)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("finetune", "epochs"), -1, "finetune.epochs: found -1; allowed: at least 0"),
        (
            ("dataset", "source"),
            "ftp",
            'dataset.source: found "ftp"; allowed: "osf", "directory", "synthetic"',
        ),
        (("seeds",), ["a"], 'seeds[0]: found "a"; allowed: integer'),
        # Generators of random numbers take 32 bits; a time in milliseconds has more.
        (("seeds",), [1795719418996], "seeds[0]: found 1795719418996; allowed: at most 2147483647"),
        (("dataset", "splits", "validation", "seed"), 2**32, "validation.seed: found 4294967296; allowed: at most"),
        (("study",), "a" * 10_000, "a...; allowed: a text that matches"),
        (("dataset", "osf", "api"), "https://api.osf.io/v2?view_only=x", "dataset.osf.api: found"),
        (("head", "dropout"), 1, "head.dropout: found 1; allowed: less than 1"),
        (("dataset", "filename"), "(", "dataset.filename: found"),
        (("dataset", "filename"), "x", "(?P<label>"),
        (("study",), "a b", "study: found"),
        *((("ensembles",), [{"name": name}], "ensembles[0].name: found") for name in ("a" * 101, "a\n", "-a")),
        (("models",), [], "models: found []; allowed: at least 1 item(s)"),
        (("seeds",), list(range(1001)), "allowed: at most 1000 items"),
        (("models",), [{"name": f"m{i}"} for i in range(1001)], "allowed: at most 1000 items"),
        (("head", "units"), [8] * 101, "allowed: at most 100 items"),
        (("finetune",), None, "finetune: found null; allowed: object"),
        (("dataset", "source"), "directory", "dataset.directory: missing"),
    ],
)
def test_a_wrong_value_is_one_line_with_the_key_the_value_and_what_is_allowed(path, value, expected):
    config = rocks()
    set_at(config, path, value)
    assert expected in complaint(config)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("train_head", "mixup"), "train_head.mixup: removed; it gained nothing"),
        (("finetune", "cutmix"), "finetune.cutmix: removed; it gained nothing"),
        (
            ("finetune", "layer_decay"),
            "finetune.layer_decay: removed; rates are now those of the network as it was published",
        ),
        (("finetune", "backbone_rate"), "finetune.backbone_rate: removed; rates are now"),
    ],
)
def test_a_key_that_was_removed_is_named_as_removed_with_what_serves_instead(path, expected):
    config = rocks()
    set_at(config, path, 0.5)
    assert expected in complaint(config)
    recipe = rocks()
    recipe["models"][0]["recipe"] = {path[0]: {path[1]: 0.5}}
    assert f"models[0].recipe.{expected}" in complaint(recipe)


@pytest.mark.parametrize("section", ["train_head", "finetune"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_weight_decay_with_an_optimizer_that_has_none_is_refused(section, optimizer):
    config = rocks()
    config[section] |= {"optimizer": optimizer, "weight_decay": 0.01}
    line = complaint(config)
    assert f"{section}.weight_decay: found 0.01 with the optimizer {optimizer}" in line
    assert "adamw" in line
    config[section]["optimizer"] = "adamw"
    assert validated(config)[section]["weight_decay"] == 0.01


def test_numbers_in_brackets_on_the_command_line_come_as_text_and_are_read_as_what_the_schema_wants():
    config = rocks()
    config["seeds"] = ["0", "12"]
    config["head"] = {"units": ["64"], "dropout": "0.25"}
    config["finetune"] |= {"refit": "false", "clipnorm": "null", "learning_rate": "1e-5"}
    config["models"][0] |= {"output_layer": "null", "name": "50"}
    filled = validated(config)
    assert filled["seeds"] == [0, 12]
    assert filled["head"]["units"] == [64]
    assert filled["head"]["dropout"] == 0.25
    assert filled["finetune"]["refit"] is False
    assert filled["finetune"]["clipnorm"] is None
    assert filled["finetune"]["learning_rate"] == 1e-5
    assert filled["models"][0]["output_layer"] is None
    assert filled["models"][0]["name"] == "50"
    config["seeds"] = ["true"]
    assert 'seeds[0]: found "true"; allowed: integer' in complaint(config)


def test_two_models_of_one_name_are_refused():
    config = rocks()
    config["models"] *= 2
    assert "models[1].name: found 'resnet50' twice" in complaint(config)


@pytest.mark.parametrize(
    ("key", "shown"),
    [("\ufeffstudy", r"'\ufeffstudy'"), ("st\u200budy", r"'st\u200budy'"), ("\xa0study", r"'\xa0study'")],
)
def test_what_cannot_be_seen_in_a_misspelt_key_is_shown(key, shown):
    assert f"config: {shown}: unknown key; did you mean 'study'?" in complaint(rocks() | {key: "x"})


def test_the_readme_of_the_configuration_says_what_the_schema_says():
    assert (CONFIG / "README.md").read_text() == reference()


def test_every_key_of_the_schema_has_a_description():
    schema = load_schema()
    for path in keys(schema):
        part = schema
        for key in path:
            part = part["properties"][key]
        assert part.get("description") or part.get("properties"), path


def test_the_order_of_keys_in_the_files_makes_no_difference():
    def turned(value):
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(item) for item in value] if isinstance(value, list) else value

    assert str(validated(turned(rocks()))["dataset"]) == str(validated(rocks())["dataset"])


@pytest.mark.parametrize("split", ["train", "validation"])
def test_the_former_key_of_response_counts_names_the_section_of_today(split):
    config = rocks()
    config["dataset"]["splits"][split]["responses"] = "choices.csv"
    with pytest.raises(RockspaceError, match=rf"dataset\.splits\.{split}\.responses: removed; .* choices\.files"):
        validated(config)


def test_prototypes_have_no_free_response_scaling_beside_a_free_sensitivity():
    variant = {"name": "x", "prototype": True, "response_scaling": "free"}
    with pytest.raises(
        RockspaceError, match=r"choices\.variants\[0\]\.response_scaling: found \"free\"; allowed: a number, since"
    ):
        validated(rocks() | {"choices": {"variants": [variant]}})
    validated(rocks() | {"choices": {"variants": [variant | {"sensitivity": 1}]}})


def test_variants_of_the_context_model_have_all_their_settings():
    config = rocks() | {"choices": {"variants": [{"name": "x", "response_scaling": "free", "guessing": 0.1}]}}
    (variant,) = validated(config)["choices"]["variants"]
    assert (variant["response_scaling"], variant["sensitivity"], variant["weights"]) == ("free", "free", "equal")
    assert (variant["metric"], variant["prototype"]) == (2, False)
    assert [each["name"] for each in validated(rocks())["choices"]["variants"]] == [
        "sensitivity",
        "response scaling",
        "weights",
    ]


def test_a_password_in_an_address_is_refused_without_being_shown():
    for api in ("https://maria:secret@api.osf.io/v2", "https://secret@api.osf.io", "HTTPS://maria:secret@x y"):
        config = rocks()
        config["dataset"]["osf"] = {"api": api}
        message = complaint(config)
        assert "dataset.osf.api: found an address with a user name or password" in message
        assert "OSF_TOKEN" in message
        assert "secret" not in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"references": [{"label": "x</ScRiPt >", "metric": "held_out_mean_r", "value": 1}]}, r"references\[0\].label: found '</ScRiPt'"),
        ({"references": [{"label": "x", "metric": "validation_top1", "value": 62.5}]}, r"references\[0\].value: found 62.5; allowed: a share"),
        ({"dataset": {"source": "directory", "directory": "a<!--b"}}, "dataset.directory: found '<!--'"),
        ({"<script></script>": 1}, "config: config: found '</script'"),
        ({"seeds": [[[0] * 50] * 50] * 50}, "config: seeds: more than 100000 values"),
    ],
)  # fmt: skip
def test_texts_that_a_page_would_run_and_expanded_aliases_are_refused(change, message):
    with pytest.raises(RockspaceError, match=message):
        validated(rocks() | change)
    deep = []
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(RockspaceError, match="50 mappings and lists inside each other"):
        validated(rocks() | {"seeds": deep})


@pytest.mark.parametrize("pattern", ["(?P<label>.{1,99999999999})", "(?P<label>" + "(" * 5000 + ")" * 5001])
def test_patterns_and_texts_beyond_what_can_be_read_are_one_line(pattern):
    config = rocks()
    config["dataset"]["filename"] = pattern
    assert "dataset.filename: found " in complaint(config)
    assert "allowed: a valid regex" in complaint(config)
    with time_limit(120, "a search that begins anew at each character takes hours"):
        for text in ("[", "x", "x://"):
            assert "config: study: found " in complaint(rocks() | {"study": text * 200_000})


def test_names_that_differ_in_case_alone_are_refused_since_some_file_systems_know_no_case():
    models = [{"name": "net", "backbone": "resnet50"}, {"name": "Net", "backbone": "resnet101"}]
    assert "models[1].name: found 'net' and 'Net', one folder on some" in complaint(rocks() | {"models": models})
    ensembles = {"models": models[:1], "ensembles": [{"name": "NET"}]}
    assert "ensembles[0].name: found 'net' and 'NET', one folder on some" in complaint(rocks() | ensembles)


@pytest.mark.parametrize("character", ["\0", "\n", "\x1b", "\x9b", "\u2028", "\u202e", "\u2066", "\ud800"], ids=ascii)
def test_a_text_that_no_path_or_terminal_should_get_is_refused_wherever_it_stands(character):
    text = f"a{character}b"
    line = f"found {json.dumps(text)}; allowed: a text in one line"
    for change in (
        {"study": text},
        {"dataset": text},
        {"models": [{"weights": text}]},
        {"choices": {"files": [text]}},
        {text: 1},
    ):
        assert line in complaint(rocks() | change)


@pytest.mark.parametrize(
    "api", ["https://[::1/v2", "https://[nowhere]/v2", "https://osf.io:99999/v2", "https://osf.io:x/v2"]
)
def test_an_address_that_is_none_is_one_line(api):
    config = rocks()
    config["dataset"]["osf"] = {"api": api}
    assert "dataset.osf.api: found " in complaint(config)
    assert "allowed: a valid address" in complaint(config)


def numbers(schema: dict, path: tuple = ()) -> dict[tuple, dict]:
    """Every part of the schema that may be a number, by an example of a path to it."""
    kinds = schema.get("type", [])
    found = {path: schema} if {"integer", "number"} & set([kinds] if isinstance(kinds, str) else kinds) else {}
    for key, part in schema.get("properties", {}).items():
        found |= numbers(part, (*path, key))
    for key, name in (("items", 0), ("additionalProperties", "x")):
        found |= numbers(schema[key], (*path, name)) if isinstance(schema.get(key), dict) else {}
    for part in schema.get("oneOf", []):
        found |= numbers(part, path)
    return found


# Numbers that are compared with what files hold, where a text may stand as well.
COMPARED = [
    ("choices", "only", "x"),
    ("choices", "only", "x", 0),
    ("choices", "conditions", "x", "code"),
    ("choices", "conditions", "x", "codes", 0),
    ("choices", "studied", "tokens", 0),
]
NUMBERS = [path for path in numbers(load_schema()) if path not in COMPARED]
ALL_DEFAULTS = validated(rocks())


def with_value(config: dict, path: tuple, value: object) -> dict:
    """A configuration with a value at a path; an empty list on the way to it gets one item."""
    *above, last = path
    part = config
    for key, following in zip(above, path[1:], strict=True):
        below = part[key] if isinstance(part, list) or key in part else None
        if isinstance(following, int) and not below:
            below = part[key] = [{"name": "x"}]
        elif below is None:
            below = part[key] = {}
        part = below
    part[last] = value
    return config


def test_the_walk_over_the_schema_finds_numbers_in_mappings_and_lists():
    assert {("finetune", "epochs"), ("seeds", 0), ("models", 0, "image_size"), ("choices", "only", "x", "to")} <= set(
        NUMBERS
    )
    assert set(COMPARED) <= set(numbers(load_schema()))


@pytest.mark.parametrize("path", NUMBERS, ids=str)
def test_every_number_has_bounds_and_what_is_none_or_beyond_them_is_one_line(path):
    part = numbers(load_schema())[path]
    above = part["maximum"] + 1 if "maximum" in part else part["exclusiveMaximum"]
    below = part["minimum"] - 1 if "minimum" in part else part["exclusiveMinimum"]
    above, below = (value * 2 if abs(value) > 1e15 else value for value in (above, below))
    key = ".".join(str(step) for step in path).replace(".0", "[0]")
    for value in (above, below, 10**300, -(10**300), 10**400, math.nan, math.inf, True, [], {}, "five"):
        text = complaint(with_value(deepcopy(ALL_DEFAULTS), path, value))
        assert text.startswith(f"config: {key}: found "), text


@pytest.mark.parametrize("section", [(), ("models", 0, "recipe")], ids=["section", "recipe"])
def test_a_number_is_read_alike_however_it_is_written_in_a_section_and_in_a_recipe(section):
    for written, read in ((3.0, 3), ("3", 3), ("3.0", 3), (3, 3)):
        config = with_value(rocks(), (*section, "finetune", "epochs"), written)
        found = validated(config)["models"][0]["recipe"]["finetune"]["epochs"]
        assert (found, type(found)) == (read, int)
    rate = validated(with_value(rocks(), (*section, "finetune", "learning_rate"), "1e-4"))["models"][0]["recipe"]
    assert rate["finetune"]["learning_rate"] == 1e-4
    for wrong in (2.5, "2.5"):
        assert "finetune.epochs: found 2.5; allowed: integer" in complaint(
            with_value(rocks(), (*section, "finetune", "epochs"), wrong)
        )
    assert "learning_rate: found inf" in complaint(
        with_value(rocks(), (*section, "finetune", "learning_rate"), "1e400")
    )
    # A name of a folder has the seed in it.
    seeds = validated(with_value(rocks(), ("seeds",), [7.0]))["seeds"]
    assert str(seeds) == "[7]"
