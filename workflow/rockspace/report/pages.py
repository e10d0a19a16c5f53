"""HTML pages: Jinja templates that escape what they are given, and share one look."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rockspace.artifacts import replacing

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_page(output: str | Path, template: str, **content: Any) -> None:
    """Fill a template of ``report/templates`` and write the page; it needs nothing from outside."""
    page = _TEMPLATES.get_template(template).render(**content)
    with replacing(output) as partial:
        partial.write_text(page, encoding="utf-8")
