"""The user's config files, read again as plain YAML, for what Snakemake's own reading does not tell."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from rockspace.errors import RockspaceError

TEMPLATE_KEYS = ("__use_yte__", "__definitions__", "__variables__")
"""Keys by which Snakemake takes a config file for a template of YTE, which may hold Python code."""


def check_config_files(paths: Iterable[str | Path]) -> None:
    """Check that config files hold plain values, and each key once.

    Args:
        paths: The files, YAML or JSON.

    Raises:
        RockspaceError: A key is given twice in a mapping, of which YAML takes the last in silence, or a file is a template.
    """
    for path in paths:
        with open(path, encoding="utf-8") as file:
            try:
                found = yaml.load(file, _EachKeyOnce)
            except _GivenTwice as error:
                raise RockspaceError(
                    f"{path}, line {error.line}: the key {error.key!r} is given twice; keep one"
                ) from None
            except yaml.YAMLError:
                # JSON that is no YAML, such as JSON with tabs: Snakemake has read it, or said why not.
                continue
        if isinstance(found, Mapping) and (keys := [key for key in TEMPLATE_KEYS if key in found]):
            raise RockspaceError(
                f"{path}: found {keys[0]!r}; a configuration is no template, so write the values themselves"
            )


class _GivenTwice(Exception):
    def __init__(self, key: Any, line: int) -> None:
        super().__init__(key)
        self.key, self.line = key, line


class _EachKeyOnce(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            # `<<` lays one mapping over others, and may be there more than once.
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise _GivenTwice(key.value, key.start_mark.line + 1)
                seen.add(key.value)
        return super().construct_mapping(node, deep)
