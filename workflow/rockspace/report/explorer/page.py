"""The page: markup, style, scripts and data in one file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from pathlib import Path
from string import Template
from typing import Any

HERE = Path(__file__).parent
LIBRARY = HERE / "vendor" / "d3.min.js"
# In the order in which they build on each other; together they are one script.
SCRIPTS = [HERE / f"{name}.js" for name in (
    "study", "view", "colours", "photographs", "sizes", "panel", "keyboard", "lasso", "marks", "plot", "drawing", "differences",
    "card", "controls", "table", "saving", "main",
)]  # fmt: skip


def explorer_page(title: str, study: dict[str, Any]) -> str:
    """Return the explorer as HTML.

    Whatever comes from outside (names of images, labels, models) is data on this page and never markup: it
    stands in a JSON block that cannot be closed from within, and the page's policy lets no script run but
    its own, and nothing be loaded.

    Args:
        title: What the page is about.
        study: What `describe_study` and `embed_photographs` return, in one.
    """
    style, library, script = _text(HERE / "style.css"), _text(LIBRARY), _script()
    policy = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": _hash(style),
        "script-src": f"{_hash(library)} {_hash(script)}",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return Template(_text(HERE / "page.html")).substitute(
        title=html.escape(title),
        policy="; ".join(f"{directive} {sources}" for directive, sources in policy.items()),
        style=style,
        library=library,
        script=script,
        study=_json_in_html({"title": title, **study}),
    )


def _script() -> str:
    return "\n".join(['(() => {\n"use strict";', *map(_text, SCRIPTS), "})();\n"])


def _json_in_html(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Inside strings alone, where JSON reads the escape as the character that it stands for.
    return text.replace("<", "\\u003c")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
