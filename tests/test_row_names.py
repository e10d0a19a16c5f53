"""Names in a file of their own: of the rows of a table or matrix, by their order or by a key, and lists of images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io

from rockspace.data.row_names import listed_images, name_rows, read_matrix
from rockspace.data.tables import read_table
from rockspace.errors import RockspaceError

IMAGES = [f"stimuli/{name}.jpg" for name in ("abacus", "air conditioner", "ant, red", "bow", "cat's eye", "zebra")]
STEMS = [Path(image).stem for image in IMAGES]
ORDER = [3, 0, 5, 1, 4, 2]  # of the rows
VALUES = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)  # of the images
ROWS, NAMES = VALUES[ORDER], [STEMS[i] for i in ORDER]


def lines(path: Path, *header: str) -> Path:
    path.write_text("\n".join([*header, *NAMES]) + "\n")
    return path


def frame() -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=[f"f{i}" for i in range(4)])


def thingsvision(folder: Path) -> tuple[Path, Path]:
    np.save(folder / "features.npy", ROWS)
    (folder / "file_names.txt").write_text("".join(f"/data/stimuli/{name}.jpg\n" for name in NAMES))
    return folder / "features.npy", folder / "file_names.txt"


def of_arrays(folder: Path) -> tuple[Path, None]:
    np.savez(folder / "clip.npz", embeddings=ROWS, file_names=np.array(NAMES), scale=np.float32(100))
    return folder / "clip.npz", None


def a_vector_by_its_name(folder: Path) -> tuple[Path, None]:
    np.savez(folder / "clip.npz", **{f"{name}.jpg": row for name, row in zip(NAMES, ROWS, strict=True)})
    return folder / "clip.npz", None


def text(folder: Path) -> tuple[Path, None]:
    frame().assign(image=NAMES).to_csv(folder / "clip.csv")
    return folder / "clip.csv", None


def text_without_names(folder: Path) -> tuple[Path, Path]:
    np.savetxt(folder / "clip.txt", ROWS)
    return folder / "clip.txt", lines(folder / "names.txt")


def columns_of_a_frame(folder: Path) -> tuple[Path, None]:
    frame().set_axis(NAMES).to_parquet(folder / "clip.parquet")
    return folder / "clip.parquet", None


def lists_in_a_frame(folder: Path) -> tuple[Path, None]:
    pd.DataFrame({"filename": NAMES, "width": 224, "embedding": list(ROWS)}).to_parquet(folder / "clip.parquet")
    return folder / "clip.parquet", None


def integers(folder: Path) -> tuple[Path, Path]:
    np.save(folder / "clip.npy", (ROWS * 1000).astype(np.int16))
    return folder / "clip.npy", lines(folder / "names.txt")


@pytest.mark.parametrize(
    "write",
    [thingsvision, of_arrays, a_vector_by_its_name, text, text_without_names, columns_of_a_frame, lists_in_a_frame],
)
def test_a_matrix_gives_each_image_its_own_row(tmp_path, write: Callable):
    path, names = write(tmp_path)
    for own, expected in ((IMAGES, VALUES), (IMAGES[::-2], VALUES[::-2])):
        np.testing.assert_array_equal(read_matrix(path, own, names=names).astype(np.float32), expected)


def test_a_matrix_of_integers_is_one_of_numbers(tmp_path):
    path, names = integers(tmp_path)
    np.testing.assert_array_equal(read_matrix(path, IMAGES, names=names), (VALUES * 1000).astype(np.int16))


BESIDE = {"labels": np.arange(6) / 2, "fold": np.arange(6) % 2, "names": np.array(NAMES)}
"""Arrays of numbers beside a matrix that are no features."""


@pytest.mark.parametrize("kind", [float, int, np.uint8])
def test_a_matrix_in_a_file_of_arrays_has_no_numbers_that_stand_beside_it(tmp_path, kind):
    matrix = np.abs(ROWS * 20).astype(kind)
    np.savez(tmp_path / "clip.npz", features=matrix, **BESIDE)
    pd.DataFrame(BESIDE | {"embedding": list(matrix)}).to_parquet(tmp_path / "clip.parquet")
    for name in ("clip.npz", "clip.parquet"):
        np.testing.assert_array_equal(read_matrix(tmp_path / name, IMAGES), np.abs(VALUES * 20).astype(kind))


def test_numbers_of_categories_in_a_text_table_are_no_features(tmp_path):
    pd.DataFrame(ROWS).assign(image=NAMES, label=[0, 1, 2, 0, 1, 2], class_id=3).to_csv(tmp_path / "a.csv", index=False)
    np.testing.assert_array_equal(read_matrix(tmp_path / "a.csv", IMAGES).astype(np.float32), VALUES)


def test_of_several_matrices_or_columns_of_lists_one_is_named(tmp_path):
    both = {"image": ROWS, "text": -ROWS}
    np.savez(tmp_path / "clip.npz", names=np.array(NAMES), **both)
    pd.DataFrame({"names": NAMES} | {name: list(rows) for name, rows in both.items()}).to_parquet(
        tmp_path / "clip.parquet"
    )
    for name in ("clip.npz", "clip.parquet"):
        with pytest.raises(RockspaceError, match=r"several .* image.* text.*; name one in output_layer of the model"):
            read_matrix(tmp_path / name, IMAGES)
        np.testing.assert_array_equal(read_matrix(tmp_path / name, IMAGES, variable="text"), -VALUES)


def test_lists_in_lists_and_numbers_too_large_for_float32_are_refused_in_a_line(tmp_path):
    nested = pd.DataFrame({"names": NAMES, "tokens": [[list(row)] * 2 for row in ROWS]})
    nested.to_parquet(tmp_path / "clip.parquet")
    with pytest.raises(RockspaceError, match=r"column 'tokens' is 6 x 2 x 4 of type float32; expected numbers"):
        read_matrix(tmp_path / "clip.parquet", IMAGES)
    np.savez(tmp_path / "clip.npz", names=np.array(NAMES), features=ROWS.astype(float) * 1e300)
    with pytest.raises(RockspaceError, match="missing or not finite"):
        read_matrix(tmp_path / "clip.npz", IMAGES)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda rows: rows[:, :, None],
            "its array is 6 x 4 x 1 of type float32; expected numbers, a row for each image",
        ),
        (lambda rows: rows[1:], r"names.txt: 6 names for the 5 rows of .*clip.npy"),
        (
            lambda rows: np.where(np.arange(6)[:, None] == 2, np.nan, rows),
            "row 3, of .* a number that is missing or not finite",
        ),
        (lambda rows: rows.astype(object), "holds Python objects; save numbers as an array of floats"),
    ],
)
def test_a_matrix_that_does_not_fit_is_refused_in_a_line(tmp_path, change, expected):
    np.save(tmp_path / "clip.npy", change(ROWS))
    with pytest.raises(RockspaceError, match=expected) as error:
        read_matrix(tmp_path / "clip.npy", IMAGES, names=lines(tmp_path / "names.txt"))
    assert "\n" not in str(error.value)


def test_rows_without_names_are_refused_where_nothing_names_them(tmp_path):
    np.save(tmp_path / "clip.npy", ROWS)
    with pytest.raises(
        RockspaceError, match=r"clip.npy: no column names the images; give the names of its rows in a file"
    ):
        read_matrix(tmp_path / "clip.npy", IMAGES)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".mat", ".parquet", ".json", ".jsonl", ".csv"])
@pytest.mark.parametrize("content", [b"", b"no such file", b"\xff\xfe\x00" * 50])
def test_a_file_of_another_format_than_its_suffix_says_is_refused_in_a_line(tmp_path, suffix, content):
    path = tmp_path / f"clip{suffix}"
    path.write_bytes(content)
    with pytest.raises(RockspaceError, match=str(path)) as error:
        read_matrix(path, IMAGES)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("header", [(), ("uniqueID",), ("# the images",), ("filename", "")])
@pytest.mark.parametrize("write", [str, lambda name: f'"{name}"', lambda name: f"{name.upper()}.png"])
def test_names_by_line_keep_their_spaces_and_commas(tmp_path, header, write):
    np.savetxt(tmp_path / "spose.txt", ROWS)
    (tmp_path / "unique_id.txt").write_text("\n".join([*header, *map(write, NAMES)]) + "\n")
    table, title, by_ids = name_rows(read_table(tmp_path / "spose.txt"), tmp_path / "unique_id.txt", IMAGES)
    assert [cell.lower().removesuffix(".png") for cell in table.cells[title]] == NAMES
    assert table.in_words(title) == "the column of unique_id.txt"
    assert not by_ids


def keyed(folder: Path, ids: list, key_ids: list, **options: object) -> list[str]:
    """The image of each row, by a key in another order."""
    pd.DataFrame({"id": ids, "x": ROWS[:, 0]}).to_csv(folder / "mds.csv", index=False)
    pd.DataFrame({"stimulus": key_ids, "file": NAMES}).iloc[::-1].to_csv(folder / "key.csv", **options)
    table, title, by_ids = name_rows(read_table(folder / "mds.csv"), folder / "key.csv", IMAGES)
    assert by_ids
    return list(table.cells[title])


@pytest.mark.parametrize("index", [True, False])
def test_a_key_leads_from_ids_to_images_whatever_its_order(tmp_path, index):
    assert keyed(tmp_path, [12, 7, 30, 4, 9, 1], ["12", "007", "30", "4", "9", "1"], index=index) == NAMES
    ids = [f"S{i}" for i in (4, 2, 9, 1, 6, 5)]
    assert keyed(tmp_path, ids, [f"{i.lower()}" for i in ids], index=index) == NAMES


def test_a_key_without_the_ids_of_the_table_is_refused(tmp_path):
    with pytest.raises(RockspaceError, match="numbers the images in another order than that of its rows"):
        keyed(tmp_path, [101, 102, 103, 104, 105, 106], [3, 1, 2, 4, 6, 5], index=False)


def test_a_list_names_images_in_any_form_and_nothing_else(tmp_path):
    path = tmp_path / "val.txt"
    path.write_text("# held out\nstimuli/zebra.jpg\nANT, RED\n")
    assert listed_images(path, IMAGES) == [IMAGES[2], IMAGES[5]]
    path.write_text("zebra\nunicorn\n")
    with pytest.raises(RockspaceError, match="row 2: image 'unicorn' has a row but no file"):
        listed_images(path, IMAGES)
    path.write_text("zebra\nzebra.jpg\n")
    with pytest.raises(RockspaceError, match=r"row 2: duplicate row for image 'zebra.jpg', as row 1"):
        listed_images(path, IMAGES)


def test_matlab_names_stand_beside_the_matrix_in_cells_or_characters(tmp_path):
    for names in (np.array(NAMES, dtype=object), np.array(NAMES)):
        scipy.io.savemat(tmp_path / "mds.mat", {"Y": ROWS, "names": names, "stress": 0.1})
        np.testing.assert_array_equal(read_matrix(tmp_path / "mds.mat", IMAGES), VALUES)
