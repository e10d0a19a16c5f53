"""The reference of the configuration, generated from its schema.

Usage: ``python -m tools.config_reference > config/README.md``
"""

import json
from collections.abc import Iterator
from typing import Any

from rockspace.config import load_schema

INTRODUCTION = """\
# Configuration

`config.yaml` is the rocks study. A file given with `--configfile` overrides it, so it contains only the differences;
lists (`models`, `seeds`, `embeddings.layers`) are replaced as a whole.

| file | what it is |
|---|---|
| `config.yaml` | the rocks from OSF with ResNet50 |
| `demo.yaml` | the embedded dataset with a small network; needs no internet connection, takes minutes |
| `original.yaml` | the original recipe, for comparison |
| `rocks-people.yaml` | what 133 people took the 120 rocks for, predicted by `best.yaml`: [docs/human-choices.md](../docs/human-choices.md) |
| `rocks-joint.yaml` | the joint solution of all 480 rocks as the target |
| `rocks-180.yaml` | 180 of the 360 rocks to train on, as the published network had, laid over a recipe: [docs/rocks-study.md](../docs/rocks-study.md#trained-on-180) |
| `search.yaml` | recipes compared by cross-validation within the training images (target `search`) |
| `search-rocks.yaml`, `best.yaml` | the search on the rocks, and the study that it selected: [docs/rocks-study.md](../docs/rocks-study.md) |

Single values can be set on the command line: `snakemake --cores 4 --config seeds='[0,1,2]'`.
A change reruns exactly the stages that depend on it.

## Keys

| key | default | allowed | meaning |
|---|---|---|---|
"""


def reference() -> str:
    """Return ``config/README.md``: one row per key, in the order of the schema."""
    return INTRODUCTION + "".join(f"| {' | '.join(row)} |\n" for row in _rows(load_schema(), ""))


def _rows(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    required = schema.get("required", [])
    for key, part in schema["properties"].items():
        name, items = f"{prefix}{key}", part.get("items", {})
        if "properties" in part:
            yield f"`{name}`", "", "", _cell(part.get("description", ""))
            yield from _rows(part, f"{name}.")
            continue
        yield f"`{name}`", _default(part, key in required), _cell(_allowed(part)), _cell(part.get("description", ""))
        if "properties" in items:
            yield from _rows(items, f"{name}[].")


def _default(part: dict[str, Any], required: bool) -> str:
    if "default" in part:
        return f"`{json.dumps(part['default'])}`"
    return "required" if required else ""


def _allowed(part: dict[str, Any]) -> str:
    if "enum" in part:
        return ", ".join("null" if value is None else f"`{value}`" for value in part["enum"])
    if "oneOf" in part:
        return " or ".join(
            f"`{option['const']}`" if "const" in option else _allowed(option) for option in part["oneOf"]
        )
    kinds = part.get("type", "")
    text = " or ".join(kinds) if isinstance(kinds, list) else kinds
    if text == "array":
        inner = part["items"]
        text = "list of " + ("mappings" if "properties" in inner else _allowed(inner))
    limits = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = " and ".join(f"{sign} {part[rule]}" for rule, sign in limits.items() if rule in part)
    return f"{text} {bounds}".strip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").strip()


if __name__ == "__main__":
    print(reference(), end="")
