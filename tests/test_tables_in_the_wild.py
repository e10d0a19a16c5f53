"""Tables as R, pandas, NumPy, spreadsheets in three countries and SPSS write them, their rows in any order.

Whoever wrote it, whatever the images are called: each image gets its own row, or the table is refused in one line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from rockspace.data.pairing import ordered
from rockspace.errors import RockspaceError
from rockspace.people.reading import read_coordinates

DIMENSIONS = ["Brightness", "Größe", "x 3"]


@dataclass(frozen=True)
class Study:
    """Images in the order of the table's rows, what the table calls them, and their coordinates.

    Attributes:
        images: Paths.
        names: The names in the table, or None for rows without names.
        header: What the column of names is called.
        points: Shape (images, dimensions).
    """

    images: list[str]
    names: list[str] | None
    header: str
    points: np.ndarray

    def frame(self) -> pd.DataFrame:
        index = self.names if self.names is not None else range(len(self.images))
        return pd.DataFrame(self.points, index=index, columns=DIMENSIONS[: self.points.shape[1]])


@st.composite
def image_names(draw: st.DrawFn) -> list[str]:
    """Paths of a dozen images or so, called as people call them."""
    n = draw(st.integers(3, 25))
    words = st.text(
        st.characters(codec="utf-8", categories=["Ll", "Lu", "Nd"], include_characters="-_ "), min_size=1, max_size=6
    )
    forms: dict[str, Callable[[int], str]] = {
        "padded": lambda i: f"{i + 1:03d}",
        "plain": lambda i: f"{i + 1}",
        "from zero": lambda i: f"{i}",
        "word and number": lambda i: f"stim{i + 1}",
        "kind and number": lambda i: f"{'cat' if i % 2 else 'dog'}_{i // 2 + 1}",
        "python's digits": lambda i: f"{i // 5 + 1}_{i % 5 + 1:02d}",
        "two numbers": lambda i: f"img_{i + 1:02d}_v2",
    }
    form = draw(st.sampled_from([*forms, "words", "folders", "same names in folders"]))
    suffix = draw(st.sampled_from([".png", ".jpg", ".JPEG"]))
    if form == "words":
        stems = draw(st.lists(words.map(str.strip).filter(bool), min_size=n, max_size=n, unique_by=str.casefold))
        assume(not any(stem.startswith("#") for stem in stems))
        return [f"{stem}{suffix}" for stem in stems]
    if form == "folders":
        return [f"{'abc'[i % 3]}/{i:02d}{suffix}" for i in range(n)]
    if form == "same names in folders":
        return [f"{'abc'[i % 3]}/{i // 3}{suffix}" for i in range(n)]
    return [f"{forms[form](i)}{suffix}" for i in range(n)]


@st.composite
def studies(draw: st.DrawFn) -> Study:
    images = draw(st.permutations(draw(image_names())))
    calls: list[Callable[[str], str] | None] = [
        str,
        lambda image: PurePosixPath(image).name,
        lambda image: PurePosixPath(image).stem,
        lambda image: image.upper(),
        lambda image: f"/home/somebody/stimuli/{image}",
        lambda image: "D:\\stimuli\\" + image.replace("/", "\\"),
        lambda image: image.rpartition(".")[0],
        lambda image: PurePosixPath(image).stem.lstrip("0") or "0",
        None,
    ]
    call = draw(st.sampled_from(calls))
    k = draw(st.integers(1, len(DIMENSIONS)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.normal(0, 2, (len(images), k)).round(draw(st.integers(2, 4)))
    # What tells the images apart: without it a wrong row could pass for the right one.
    assume(len({tuple(row) for row in values}) == len(values))
    names = [call(image) for image in images] if call else None
    header = draw(st.sampled_from(["image", "id", "Stimulus", "file name", "Bild", "nom", "x", "variable"]))
    return Study(list(images), names, header, values)


def cells_of(study: Study, number: Callable[[float], str]) -> list[list[str]]:
    rows = [[number(x) for x in row] for row in study.points]
    return rows if study.names is None else [[name, *row] for name, row in zip(study.names, rows, strict=True)]


def header_of(study: Study) -> list[str]:
    columns = DIMENSIONS[: study.points.shape[1]]
    return columns if study.names is None else [study.header, *columns]


def excel(study: Study, delimiter: str, decimal: str, with_sep: bool) -> str:
    """A spreadsheet's CSV: quotes where they are needed, Windows' line ends."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(header_of(study))
    writer.writerows(cells_of(study, lambda x: repr(float(x)).replace(".", decimal)))
    return (f"sep={delimiter}\r\n" if with_sep else "") + file.getvalue()


def r_table(study: Study, *, sep: str, col_names: bool, quote: bool, corner: bool) -> str:
    """R's write.table: row names quoted, none over them unless it is write.csv; numbers as R shows them."""

    def quoted(text: str) -> str:
        return '"' + text.replace('"', '\\"') + '"' if quote else text

    names = study.names if study.names is not None else [str(i + 1) for i in range(len(study.images))]
    rows = [sep.join([quoted(name), *(f"{x:.7g}" for x in row)]) for name, row in zip(names, study.points, strict=True)]
    header = [quoted(name) for name in ([""] if corner else []) + [f"V{i + 1}" for i in range(study.points.shape[1])]]
    return "\n".join([*([sep.join(header)] if col_names else []), *rows]) + "\n"


def spss(study: Study, decimal: str) -> str:
    """SPSS' tab-delimited export: no zero before the decimal mark."""

    def number(x: float) -> str:
        return (
            repr(float(x)).replace("0.", ".", 1).replace(".", decimal)
            if abs(x) < 1
            else repr(float(x)).replace(".", decimal)
        )

    return "\r\n".join(["\t".join(row) for row in [header_of(study), *cells_of(study, number)]]) + "\r\n"


def savetxt(study: Study, **options: str) -> str:
    file = io.StringIO()
    np.savetxt(file, study.points, fmt="%.6f", **options)
    return file.getvalue()


WRITERS: dict[str, Callable[[Study], str]] = {
    "pandas": lambda s: s.frame().to_csv(),
    "pandas with a name": lambda s: s.frame().to_csv(index_label=s.header),
    "pandas without header": lambda s: s.frame().to_csv(header=False),
    "pandas without index": lambda s: s.frame().to_csv(index=False),
    "pandas of an array": lambda s: pd.DataFrame(s.points).to_csv(),
    "pandas of a column": lambda s: s.frame().rename_axis(s.header).reset_index().to_csv(),
    "pandas with tabs": lambda s: s.frame().to_csv(sep="\t"),
    "pandas, German": lambda s: s.frame().to_csv(sep=";", decimal=","),
    "R write.table": lambda s: r_table(s, sep=" ", col_names=True, quote=True, corner=False),
    "R write.table unquoted": lambda s: r_table(s, sep=" ", col_names=True, quote=False, corner=False),
    "R write.table without names": lambda s: r_table(s, sep=" ", col_names=False, quote=True, corner=False),
    "R write.table tabs": lambda s: r_table(s, sep="\t", col_names=True, quote=False, corner=False),
    "R write.table commas": lambda s: r_table(s, sep=",", col_names=True, quote=True, corner=False),
    "R write.csv": lambda s: r_table(s, sep=",", col_names=True, quote=True, corner=True),
    "NumPy": savetxt,
    "NumPy commas": lambda s: savetxt(s, delimiter=","),
    "NumPy header": lambda s: savetxt(s, header=" ".join(f"dim{i}" for i in range(s.points.shape[1]))),
    "Excel, English": lambda s: excel(s, ",", ".", False),
    "Excel, German": lambda s: excel(s, ";", ",", False),
    "Excel, French, sep=": lambda s: excel(s, ";", ",", True),
    "Excel, English with decimal commas": lambda s: excel(s, ",", ",", False),
    "SPSS": lambda s: spss(s, "."),
    "SPSS, German": lambda s: spss(s, ","),
}
NAMING = ["Excel, German", "Excel, French, sep=", "SPSS", "SPSS, German", "pandas with a name", "pandas with tabs"]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "cp1252"]


def read(path: Path, images: Sequence[str]) -> pd.DataFrame | None:
    """The images' rows, or None where they are refused, in one line that names the file."""
    try:
        return read_coordinates(path, images).table
    except RockspaceError as error:
        line = str(error)
        assert line.startswith(str(path)), line
        assert "\n" not in line
        return None


@given(studies(), st.sampled_from(sorted(WRITERS)), st.sampled_from(ENCODINGS))
@settings(max_examples=100)
def test_each_image_has_its_own_row_or_the_table_is_refused(tmp_path_factory, study, writer, encoding):
    # A number under a header is a name.
    assume(study.names is not None or writer not in ("pandas with a name", "pandas of a column"))
    path = tmp_path_factory.mktemp("table") / "mds.csv"
    text = WRITERS[writer](study)
    try:
        path.write_bytes(text.encode(encoding))
    except UnicodeEncodeError:
        path.write_bytes(text.encode("utf-8"))
    images = sorted(study.images)
    table = read(path, images)
    event(f"{writer}: {'refused' if table is None else 'read'}")
    if table is None:
        return
    assert table.index.tolist() == images
    bare = study.names is None or writer in (
        "pandas without index",
        "pandas of an array",
        "NumPy",
        "NumPy commas",
        "NumPy header",
    )
    if bare:
        # Nothing but the order can tell, so all orders that are as likely must have agreed.
        first, *others = (ordered(images, order) for order in ("name", "path", "natural"))
        assert all(other == first for other in others)
        expected = study.points[np.argsort(first)]
    else:
        row_of = {image: row for image, row in zip(study.images, study.points, strict=True)}
        expected = np.array([row_of[image] for image in images])
    np.testing.assert_allclose(table.to_numpy(), expected, atol=1e-6)


@given(studies(), st.sampled_from(["image", "Stimulus", "file name", "id"]), st.sampled_from(NAMING))
@settings(max_examples=50)
def test_file_names_in_a_column_of_their_own_are_always_recognised(tmp_path_factory, study, header, writer):
    named = Study(study.images, study.images, header, study.points)
    path = tmp_path_factory.mktemp("table") / "mds.csv"
    path.write_text(WRITERS[writer](named), encoding="utf-8")
    table = read_coordinates(path, sorted(study.images)).table
    row_of = {image: row for image, row in zip(study.images, study.points, strict=True)}
    np.testing.assert_allclose(table.to_numpy(), [row_of[image] for image in sorted(study.images)], atol=1e-6)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
@settings(max_examples=100)
def test_no_file_whatever_is_in_it_ends_in_a_stack_trace(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("table") / "mds.csv"
    path.write_bytes(content)
    read(path, ["a.png", "b.png", "c.png"])


@given(st.lists(st.text(st.sampled_from(list("\",;\t \n#%-.0123ab'\\é")), max_size=30), max_size=12))
@settings(max_examples=100)
def test_no_table_of_odd_lines_ends_in_a_stack_trace(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("table") / "mds.csv"
    path.write_text("\n".join(["image,x", *lines]), encoding="utf-8")
    read(path, ["a.png", "b.png", "0.png"])
