"""Tables as pages: to read in a browser, with the CSV to take along."""

from base64 import b64encode
from pathlib import Path

import numpy as np
import pandas as pd

from rockspace.report.pages import write_page


def write_table_page(table: Path, output: Path, title: str) -> None:
    """Write a CSV table as an HTML page that holds the CSV too.

    Args:
        table: CSV file.
        output: File to write.
        title: Heading of the page.
    """
    rows = pd.read_csv(table, keep_default_na=False, na_values=[""])
    write_page(
        output,
        "table.html.jinja",
        title=title,
        headings=[column.replace("_", " ") for column in rows.columns],
        numeric=[pd.api.types.is_numeric_dtype(rows[column]) for column in rows.columns],
        rows=[[_cell(value) for value in row] for row in rows.itertuples(index=False)],
        name=table.name,
        data=b64encode(table.read_bytes()).decode(),
    )


def _cell(value: object) -> str:
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return ""
        return f"{value:.4f}" if value == 0 or abs(value) >= 0.001 else f"{value:.2g}"
    return str(value)
