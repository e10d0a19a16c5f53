"""HTML pages: Jinja templates that escape what they are given, and share one look."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rockspace.artifacts import write_text

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_page(output: str | Path, template: str, **content: Any) -> None:
    """Fill a template of ``report/templates`` and write the page; it needs nothing from outside."""
    write_text(output, _TEMPLATES.get_template(template).render(**content))
