"""Tables as pages: to read in a browser, with the CSV to take along."""

from base64 import b64encode
from pathlib import Path

from rockspace.report.columns import NOTHING, TABLES, cells, read_table
from rockspace.report.pages import write_page


def write_table_page(table: Path, output: Path, title: str) -> None:
    """Write a table of results as an HTML page that holds the CSV too.

    Args:
        table: CSV file, named for one of `rockspace.report.columns.TABLES`.
        output: File to write.
        title: Heading of the page.
    """
    rows = read_table(table).to_dict("records")
    columns = cells(rows, TABLES[table.stem])
    write_page(
        output,
        "table.html.jinja",
        title=title,
        headings=[(heading, about) for heading, about, _ in columns],
        numeric=[all(text == NOTHING or text[0] in "-0123456789" for text in texts) for _, _, texts in columns],
        rows=list(zip(*(texts for _, _, texts in columns), strict=True)),
        count=len(rows),
        name=table.name,
        data=b64encode(table.read_bytes()).decode(),
    )
