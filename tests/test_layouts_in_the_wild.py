"""Studies laid out as public data sets are: each image gets its own coordinates from the folder alone, or a line says why not."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io
from PIL import Image

from rockspace.config import validated
from rockspace.data.restructuring import build_catalog
from rockspace.errors import RockspaceError
from rockspace.people.proposal import propose_dataset
from rockspace.people.reading import people_coordinates

KINDS = ("cat", "dog", "owl")
FLAT = [f"{kind}_{i:02d}.png" for kind in KINDS for i in range(1, 5)]
SINGLE = [
    "aardvark",
    "abacus",
    "air conditioner",
    "bat1",
    "bat2",
    "bow",
    "canoe",
    "dagger",
    "eel",
    "fan",
    "gong",
    "harp",
]
LAYOUTS: list[Any] = []
REFUSED: list[Any] = []


def points(images: Sequence[str], columns: Sequence[str] = ("x", "y")) -> pd.DataFrame:
    """Coordinates by which each image can be told, the rows in an order of their own."""
    values = np.random.default_rng(len(images)).normal(size=(len(images), len(columns))).round(3)
    return pd.DataFrame(values, list(images), list(columns)).sample(frac=1, random_state=1)


def drawn(folder: Path, images: Sequence[str]) -> pd.DataFrame:
    for image in images:
        (folder / image).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(folder / image)
    return points(images)


def stem(image: str) -> str:
    return PurePosixPath(image).stem


def stems(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_axis([stem(image) for image in table.index])


def read(folder: Path, **given: Any) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    """The coordinates by the images' files, the catalog and the proposed section."""
    dataset = propose_dataset(folder, given)
    config = {"study": "a", "dataset": dataset, "models": [{"name": "a", "backbone": "resnet50", "objective": "none"}]}
    dataset = validated(config)["dataset"]
    catalog = build_catalog(folder, dataset)
    tables, _ = people_coordinates(folder, dataset, catalog)
    table = pd.concat(tables.values())
    return table.set_axis(catalog.set_index("image_id").loc[table.index, "file"]), catalog, dataset


def layout(add: Callable[[Path], pd.DataFrame]) -> Callable:
    LAYOUTS.append(pytest.param(add, id=add.__name__.replace("_", " ")))
    return add


def refused(line: str) -> Callable:
    def add(write: Callable[[Path], Any]) -> Callable:
        REFUSED.append(pytest.param(write, line, id=write.__name__.replace("_", " ")))
        return write

    return add


@layout
def things_a_folder_a_concept_with_names_in_unique_id(folder: Path) -> pd.DataFrame:
    images = [f"object_images/{name}/{name}_01b.jpg" for name in SINGLE]
    own = drawn(folder, images)
    np.savetxt(folder / "spose_embedding_2d.txt", own)
    (folder / "unique_id.txt").write_text("".join(f"{PurePosixPath(image).parent.name}\n" for image in own.index))
    return own


@layout
def things_in_npy_with_a_header_over_the_names(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"images/{name}.jpg" for name in SINGLE])
    np.save(folder / "embedding.npy", own.to_numpy())
    (folder / "concepts.tsv").write_text("uniqueID\n" + "".join(f"{stem(image)}\n" for image in own.index))
    return own


@layout
def things_with_a_table_of_concepts_beside(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"images/{name}.jpg" for name in SINGLE])
    stems(own).to_csv(folder / "spose.csv", index_label="uniqueID")
    words = pd.DataFrame({"Word": [stem(i) for i in own.index], "Definition": "a thing, with commas"}, own.index)
    words.sample(frac=1, random_state=3).to_csv(folder / "things_concepts.tsv", sep="\t", index=False)
    return own


@layout
def several_images_a_concept_with_a_row_for_each_concept(folder: Path) -> pd.DataFrame:
    images = [f"images/{name}/{name}_{i:02d}.jpg" for name in SINGLE[:4] for i in range(1, 4)]
    drawn(folder, images)
    own = points(SINGLE[:4])
    own.to_csv(folder / "mds.csv", index_label="concept")
    return pd.DataFrame([own.loc[PurePosixPath(image).parent.name] for image in images], images)


@layout
def several_images_a_concept_in_npy_with_names(folder: Path) -> pd.DataFrame:
    images = [f"images/{name}/{name}_{i:02d}.jpg" for name in SINGLE[:4] for i in range(1, 4)]
    drawn(folder, images)
    own = points(SINGLE[:4])
    np.save(folder / "emb.npy", own.to_numpy(np.float64))
    np.save(folder / "names.npy", own.index.to_numpy(str))
    return pd.DataFrame([own.loc[PurePosixPath(image).parent.name] for image in images], images)


@layout
def things_in_one_folder_with_names_without_the_number_of_the_image(folder: Path) -> pd.DataFrame:
    names = [
        "camera_lens",
        "camera1",
        "camera2",
        "bat1",
        "t-shirt",
        "air_conditioner",
    ]  # in another order than the files
    own = drawn(folder, [f"images/{name}_01b.jpg" for name in names]).loc[[f"images/{name}_01b.jpg" for name in names]]
    np.savetxt(folder / "spose_embedding_2d.txt", own)
    (folder / "unique_id.txt").write_text("\n".join(names))
    return own


@layout
def picture_names_after_a_number_and_a_column_of_words(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"{i:03d}_{name.replace(' ', '_')}.png" for i, name in enumerate(SINGLE)])
    own.set_axis([stem(image)[4:] for image in own.index]).to_csv(folder / "norms.csv", index_label="word")
    return own


@layout
def addresses_of_the_images(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"stimuli/{name}.jpg" for name in SINGLE])
    addresses = [f"https://example.org/{image.replace(' ', '%20')}?raw=1" for image in own.index]
    own.set_axis(addresses).to_csv(folder / "ratings.csv", index_label="image_url")
    return own


@layout
def means_and_spreads_without_a_sign_between(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    table = own.rename(columns={"x": "valmn", "y": "meanSize"}).assign(valsd=own["y"] ** 2, stdSize=own["x"] ** 2)
    table.to_csv(folder / "norms.csv", index_label="image")
    return own


@layout
def ratings_under_headers_of_labels_and_codes(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.rename(columns={"x": "kind", "y": "age"}).to_csv(folder / "faces.csv", index_label="image")
    return own


@layout
def bids_events_of_a_rating_task(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"stimuli/{image}" for image in FLAT])
    events = own.rename_axis("stim_file").reset_index().assign(onset=np.arange(len(own)) * 3.5, duration=2)
    events.to_csv(folder / "sub-01_task-rate_events.tsv", sep="\t", index=False)
    return own


@layout
def cub_with_numbers_of_classes_and_splits_beside_the_coordinates(folder: Path) -> pd.DataFrame:
    images = [f"images/{i:03d}.{kind}/{kind}_{j:04d}_7960{i}{j}.jpg" for i, kind in enumerate(KINDS) for j in range(4)]
    own = drawn(folder, images)
    lines = {"images": images, "image_class_labels": [i // 4 + 1 for i in range(12)], "train_test_split": [0, 1] * 6}
    for name, values in lines.items():
        numbered = (
            f"{i} {value.removeprefix('images/') if name == 'images' else value}" for i, value in enumerate(values, 1)
        )
        (folder / f"{name}.txt").write_text("\n".join(map(str, numbered)).replace("images/", ""))
    ids = pd.Series(range(1, 13), images)
    own.set_axis(ids[own.index]).to_csv(folder / "mds.csv", index_label="image_id")
    return own


@layout
def pandas_json_of_columns(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.rename_axis("image").reset_index().sample(frac=1, random_state=2).to_json(folder / "mds.json")
    return own


@layout
def pandas_json_of_rows_with_columns_called_by_numbers(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.set_axis([0, 1], axis=1).to_json(folder / "mds.json", orient="index")
    return own


@layout
def a_matlab_array_of_structures(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    stimuli = np.empty(len(own), dtype=[("name", "O"), ("coordinates", "O")])
    for i, (image, values) in enumerate(zip(own.index, own.to_numpy(), strict=True)):
        stimuli[i] = image, values
    scipy.io.savemat(folder / "data.mat", {"stimuli": stimuli})
    return own


@layout
def osf_stimuli_and_data(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"stimuli/{image}" for image in FLAT])
    (folder / "data").mkdir()
    stems(own).to_csv(folder / "data/mds.csv", index_label="stimulus")
    (folder / "README.md").write_text("# A study\n")
    (folder / "data/codebook.txt").write_text("x: first dimension\ny: second dimension\n")
    return own


@layout
def ids_with_a_word_and_files_without(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"stimuli/{i:03d}.png" for i in range(1, 13)])
    own.set_axis([f"stim{stem(image)}" for image in own.index]).to_csv(folder / "mds.csv", index_label="stim_id")
    return own


@layout
def files_with_a_word_and_ids_without(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"stimuli/object-{i}.png" for i in range(1, 13)])
    own.set_axis([int(stem(image).split("-")[1]) for image in own.index]).to_csv(folder / "mds.csv", index_label="id")
    return own


@layout
def ids_through_a_key(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"{name}.jpg" for name in SINGLE])
    ids = random.Random(0).sample(range(100, 999), 12)
    own.set_axis(ids).to_csv(folder / "coords.csv", index_label="stim_id")
    key = pd.DataFrame({"stim_id": ids, "filename": own.index}).sample(frac=1, random_state=2)
    key.to_csv(folder / "stimulus_key.csv", index=False)
    return own


@layout
def ids_through_a_key_with_more_columns(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    ids = [f"S{i}" for i in random.Random(0).sample(range(99), 12)]
    own.set_axis(ids).to_csv(folder / "coords.csv", index_label="ID")
    info = pd.DataFrame({"ID": ids, "File": own.index, "source": "web", "width": range(400, 412)})
    info.sample(frac=1, random_state=2).to_csv(folder / "info.csv", index=False, sep=";")
    return own


@layout
def pandas_with_an_unnamed_index_and_a_column_of_names(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.rename_axis("image").reset_index().to_csv(folder / "mds.csv")
    return own


@layout
def r_write_csv(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    lines = [f'"{image}",{x},{y}' for image, (x, y) in zip(own.index, own.to_numpy(), strict=True)]
    (folder / "mds.csv").write_text('"","V1","V2"\n' + "\n".join(lines) + "\n")
    return own


@layout
def r_write_table_with_a_header_a_column_short(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    lines = [f'"{stem(image)}" {x} {y}' for image, (x, y) in zip(own.index, own.to_numpy(), strict=True)]
    (folder / "mds.txt").write_text('"Dim1" "Dim2"\n' + "\n".join(lines) + "\n")
    return own


@layout
def r_names_written_as_a_table_of_their_own(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    np.savetxt(folder / "mds.txt", own)
    lines = [f'"{i}" "{image}"' for i, image in enumerate(own.index, start=1)]
    (folder / "stimuli.txt").write_text('"x"\n' + "\n".join(lines) + "\n")
    return own


@layout
def utf_16_with_tabs_as_excel_saves_unicode_text(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.to_csv(folder / "mds.txt", sep="\t", index_label="Bild", encoding="utf-16", lineterminator="\r\n")
    return own


@layout
def utf_16_without_a_byte_order_mark(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.to_csv(folder / "mds.txt", sep="\t", index_label="image", encoding="utf-16-le")
    return own


@layout
def utf_8_with_a_byte_order_mark(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.to_csv(folder / "mds.csv", index_label="image", encoding="utf-8-sig")
    return own


@layout
def fixed_width(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    (folder / "mds.txt").write_text(own.rename_axis("image").reset_index().to_string(index=False))
    return own


@layout
def excel_in_german_with_a_line_for_its_separator(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    text = own.to_csv(sep=";", decimal=",", index_label="Bild", lineterminator="\r\n")
    (folder / "mds.csv").write_text("sep=;\r\n" + text, newline="")
    return own


@layout
def delimiters_at_the_end_of_each_line(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    text = own.to_csv(sep="\t", index_label="image")
    (folder / "mds.txt").write_text(text.replace("\n", "\t\n"))
    return own


@layout
def comments_above_and_between(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    lines = own.to_csv(index_label="image").splitlines()
    (folder / "mds.csv").write_text("\n".join(["# Study 1", "# 2024", *lines[:5], "# session 2", *lines[5:]]) + "\n")
    return own


@layout
def bids_with_stim_file(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"stimuli/{image}" for image in FLAT])
    table = own.rename_axis("stim_file").reset_index()
    table.insert(1, "trial_type", "image")
    (folder / "phenotype").mkdir()
    table.to_csv(folder / "phenotype/mds.tsv", sep="\t", index=False)
    (folder / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8.0"}')
    return own


@layout
def paths_of_another_computer_with_backslashes(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"img/{image}" for image in FLAT])
    own.set_axis([f"C:\\Users\\me\\exp\\{stem(i)}.BMP" for i in own.index]).to_csv(
        folder / "mds.csv", index_label="file"
    )
    return own


@layout
def absolute_paths_of_another_computer(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"img/{image}" for image in FLAT])
    own.set_axis([f"/home/me/exp/{image}" for image in own.index]).to_csv(folder / "mds.csv", index_label="path")
    return own


@layout
def a_mapping_in_json(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    (folder / "mds.json").write_text(
        json.dumps({image: list(row) for image, row in zip(own.index, own.to_numpy(), strict=True)})
    )
    return own


@layout
def records_in_json(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.rename_axis("image").reset_index().to_json(folder / "mds.json", orient="records")
    return own


@layout
def json_lines(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.rename_axis("image").reset_index().to_json(folder / "mds.jsonl", orient="records", lines=True)
    return own


@layout
def json_with_names_and_a_matrix(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    content = {"names": [stem(image) for image in own.index], "coordinates": own.to_numpy().tolist()}
    (folder / "mds.json").write_text(json.dumps(content))
    return own


@layout
def json_as_pandas_splits_it(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.to_json(folder / "mds.json", orient="split")
    return own


@layout
def json_with_a_description_beside_the_records(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    records = [{"image": image, "xy": list(row)} for image, row in zip(own.index, own.to_numpy(), strict=True)]
    (folder / "mds.json").write_text(json.dumps({"about": {"n": 12}, "stimuli": records}))
    return own


@layout
def a_long_table_with_ids_through_a_key(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"{name}.jpg" for name in SINGLE])
    ids = [f"S{i:02d}" for i in random.Random(0).sample(range(99), 12)]
    long = own.set_axis(ids).rename_axis("id").reset_index().melt("id", var_name="dimension")
    long.to_csv(folder / "long.csv", index=False)
    key = pd.DataFrame({"id": ids, "image": own.index}).sample(frac=1, random_state=1)
    key.to_csv(folder / "key.csv", index=False)
    return own


@layout
def parquet_by_index(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.to_parquet(folder / "mds.parquet")
    return own


@layout
def npz_with_names(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    np.savez(folder / "mds.npz", coordinates=own.to_numpy(), stimuli=own.index.to_numpy(str), stress=0.12)
    return own


@layout
def npy_in_the_order_of_the_files(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    np.save(folder / "mds.npy", own.sort_index().to_numpy())
    return own


@layout
def matlab_with_a_cell_array_of_names(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    names = np.array([stem(image) for image in own.index], dtype=object)[:, None]
    scipy.io.savemat(folder / "mds.mat", {"Y": own.to_numpy(), "stimNames": names, "stress": 0.1, "opts": {"dim": 2}})
    return own


@layout
def matlab_with_numbers_of_the_images(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"{i}.png" for i in range(1, 13)])
    ids = np.array([int(stem(image)) for image in own.index])[:, None]
    scipy.io.savemat(folder / "mds.mat", {"Y": own.to_numpy(), "id": ids})
    return own


@layout
def the_same_coordinates_as_text_and_for_matlab(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.to_csv(folder / "mds.csv", index_label="image")
    scipy.io.savemat(folder / "mds.mat", {"Y": own.to_numpy(), "names": np.array(own.index.tolist(), dtype=object)})
    return own


@layout
def a_long_table(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.rename_axis("image").reset_index().melt("image", var_name="dimension").to_csv(folder / "mds.csv", index=False)
    return own


@layout
def a_long_table_of_ratings_with_an_index_and_labels(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"{i:03d}.jpg" for i in range(12)])
    long = own.rename_axis("stimulus").reset_index().melt("stimulus", var_name="scale", value_name="mean_rating")
    long["category"] = [KINDS[int(stem(image)) % 3] for image in long["stimulus"]]
    long.sample(frac=1, random_state=0).reset_index(drop=True).to_csv(folder / "ratings.csv", sep=";", decimal=",")
    return own


@layout
def more_rows_than_images(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    more = points([f"{kind}_{i:02d}.png" for kind in KINDS for i in range(20, 40)])
    more.iloc[3, 1] = np.nan
    pd.concat([own, more]).sample(frac=1, random_state=0).to_csv(folder / "norms.csv", index_label="image")
    return own


@layout
def folders_of_both_splits_with_a_table_in_each(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"{'test' if i % 4 == 0 else 'train'}/{image}" for i, image in enumerate(FLAT)])
    for split in ("train", "test"):
        rows = own[own.index.str.startswith(split)]
        rows.set_axis([PurePosixPath(i).name for i in rows.index]).to_csv(
            folder / split / "mds.csv", index_label="image"
        )
    return own


@layout
def a_column_of_splits(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.assign(split=["test" if "04" in image else "train" for image in own.index]).to_csv(
        folder / "m.csv", index_label="file"
    )
    return own


@layout
def lists_of_both_splits(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.to_csv(folder / "mds.csv", index_label="file")
    for split, images in (("train", FLAT[:8:2] + FLAT[1:8:2]), ("val", FLAT[8:])):
        (folder / f"{split}.txt").write_text("\n".join(images) + "\n")
    return own


@layout
def photographs_of_two_formats_at_two_depths(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [*(f"a/{image}" for image in FLAT[:6]), *(f"a/more/{stem(image)}.jpg" for image in FLAT[6:])])
    own.to_csv(folder / "mds.csv", index_label="file")
    return own


@layout
def names_in_capitals_without_suffix(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.set_axis([stem(image).upper() for image in own.index]).to_csv(folder / "mds.csv", index_label="STIM")
    return own


@layout
def names_in_quotes_with_commas(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"{name}, {i}.png" for name in KINDS for i in range(4)])
    own.to_csv(folder / "mds.csv", index_label="image")
    return own


@layout
def names_of_dimensions_beside_rows_in_the_order_of_the_files(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    np.savetxt(folder / "mds.txt", own.sort_index())
    (folder / "dimension_names.txt").write_text("metal, hard\nfood-related\n")
    (folder / "README.txt").write_text("Twelve animals.\n")
    return own


@layout
def hidden_files_of_other_systems(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.to_csv(folder / "mds.csv", index_label="image")
    for name in (".DS_Store", "._mds.csv", "Thumbs.db"):
        (folder / name).write_bytes(b"\0\1\2")
    return own


@layout
def a_table_with_only_labels_beside(folder: Path) -> pd.DataFrame:
    own = drawn(folder, [f"IMG{i:04d}.png" for i in range(12)])
    own.to_csv(folder / "mds.csv", index_label="image")
    labels = pd.DataFrame({"image": own.index, "category": [KINDS[int(stem(i)[-1]) % 3] for i in own.index]})
    labels.to_csv(folder / "categories.csv", index=False)
    return own


@layout
def raw_judgments_beside(folder: Path) -> pd.DataFrame:
    own = drawn(folder, FLAT)
    own.to_csv(folder / "mds.csv", index_label="image")
    trials = [(p, t, *random.Random(p * 100 + t).sample(FLAT, 3)) for p in range(3) for t in range(20)]
    pd.DataFrame(trials, columns=["participant", "trial", "a", "b", "odd"]).to_csv(folder / "triplets.csv", index=False)
    return own


@refused(r"mds.npy: 2 rows without names for 12 images .* and it has 12 columns: transpose it")
def coordinates_with_a_column_for_each_image(folder: Path) -> None:
    own = drawn(folder, FLAT)
    np.save(folder / "mds.npy", own.sort_index().to_numpy().T)


@refused("the rows of mds.txt have no names, and names.csv lists the images in another order")
def names_that_are_numbered_in_another_order(folder: Path) -> None:
    own = drawn(folder, FLAT)
    np.savetxt(folder / "mds.txt", own)
    names = pd.DataFrame({"nr": range(1, 13), "image": own.index}).sample(frac=1, random_state=1)
    names.to_csv(folder / "names.csv", index=False)


@refused("the rows of mds.txt have no names, and names.txt lists the images in another order")
def a_name_more_than_rows(folder: Path) -> None:
    own = drawn(folder, FLAT)
    np.savetxt(folder / "mds.txt", own)
    (folder / "names.txt").write_text("\n".join([*own.index, "zebra.png"]))


@refused("names.txt: row 2: image 'zebra.png' has a row but no file")
def a_name_of_another_image(folder: Path) -> None:
    own = drawn(folder, FLAT)
    np.savetxt(folder / "mds.txt", own)
    (folder / "names.txt").write_text("\n".join([own.index[0], "zebra.png", *own.index[2:]]))


@refused("mds.csv names the images itself, and otherwise by key.csv; name that in dataset.splits.train.names")
def a_key_beside_ids_that_are_the_numbers_of_other_images(folder: Path) -> None:
    own = drawn(folder, [f"{i:03d}.png" for i in range(1, 13)])
    ids = np.random.default_rng(0).permutation(12) + 1
    own.set_axis(ids).to_csv(folder / "mds.csv", index_label="id")
    pd.DataFrame({"id": ids, "file": own.index}).to_csv(folder / "key.csv", index=False)


@refused("mds.csv: its columns are called like the images, such as 'cat_01.png'; transpose it")
def a_named_column_for_each_image(folder: Path) -> None:
    drawn(folder, FLAT).T.to_csv(folder / "mds.csv")


@refused("mds.txt: 4 rows without names for 12 images .* or the name of its folder in each row")
def a_row_for_each_concept_without_names(folder: Path) -> None:
    drawn(folder, [f"{name}/{name}_{i:02d}.jpg" for name in SINGLE[:4] for i in range(1, 4)])
    np.savetxt(folder / "mds.txt", points(SINGLE[:4]))


@refused(r"may be 'images/cat_\d\d.png' or 'masks/cat_\d\d.png'; .* give their pattern in dataset.splits.train.images")
def masks_beside_the_images(folder: Path) -> None:
    own = drawn(folder, [f"{kind}/{image}" for kind in ("images", "masks") for image in FLAT])
    stems(own[own.index.str.startswith("images")]).to_csv(folder / "mds.csv", index_label="image")


@refused("column 'split' of mds.csv has 0, 1, and '0' is no split")
def a_column_of_splits_in_numbers(folder: Path) -> None:
    drawn(folder, FLAT).assign(split=[0, 1] * 6).to_csv(folder / "mds.csv", index_label="image")


@refused(r"row \d+: found '' where a number is expected \(y\)")
def a_long_table_with_a_gap(folder: Path) -> None:
    own = drawn(folder, FLAT)
    long = own.rename_axis("image").reset_index().melt("image", var_name="dimension")
    long.iloc[:-1].to_csv(folder / "mds.csv", index=False)


@refused("mds.npy: its rows have no names, and names.npy, which may have them, names no images .*holds Python objects")
def names_in_a_file_that_cannot_be_read(folder: Path) -> None:
    own = drawn(folder, FLAT)
    np.save(folder / "mds.npy", own.to_numpy())
    np.save(folder / "names.npy", own.index.to_numpy(object))


@refused("and stim_names.txt, which may have them, names no images .'photo-aardvark' is not an image")
def names_of_another_kind(folder: Path) -> None:
    own = drawn(folder, FLAT)
    np.savetxt(folder / "mds.txt", own)
    (folder / "stim_names.txt").write_text("\n".join(f"photo-{name}" for name in SINGLE))


@refused(r"several matrices, Y \(12 x 2\), D \(12 x 12\); name one in config key dataset.columns.variable")
def matlab_with_two_matrices(folder: Path) -> None:
    own = drawn(folder, FLAT)
    names = np.array(own.index.tolist(), dtype=object)
    scipy.io.savemat(folder / "mds.mat", {"Y": own.to_numpy(), "D": np.eye(12), "names": names})


@refused(r"mds.npy: a symmetric matrix of 12 x 12 \(dis\)similarities")
def dissimilarities_in_npy_with_names(folder: Path) -> None:
    own = drawn(folder, FLAT).sort_index()
    np.save(folder / "mds.npy", np.linalg.norm(own.to_numpy()[:, None] - own.to_numpy(), axis=-1))
    (folder / "names.txt").write_text("\n".join(own.index))


@refused("mds.npy: holds Python objects")
def a_pickled_dictionary(folder: Path) -> None:
    own = drawn(folder, FLAT)
    np.save(folder / "mds.npy", {image: row for image, row in zip(own.index, own.to_numpy(), strict=True)})


@refused("MATLAB's version 7.3, which is not read; save it with save")
def matlab_of_version_7_3(folder: Path) -> None:
    drawn(folder, FLAT)
    (folder / "mds.mat").write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM" + bytes(200))


@refused(r"names_a.txt, names_b.txt each name the rows of mds.txt, in different ways")
def two_lists_of_names_that_disagree(folder: Path) -> None:
    own = drawn(folder, FLAT)
    np.savetxt(folder / "mds.txt", own)
    (folder / "names_a.txt").write_text("\n".join(own.index))
    (folder / "names_b.txt").write_text("\n".join(own.index[::-1]))


@refused("row 2: found '1,234.5' where a number is expected")
def separators_of_thousands(folder: Path) -> None:
    own = drawn(folder, FLAT)
    rows = [f'{image}\t"{1234.5 + i:,}"\t{i * 7 % 12}.5' for i, image in enumerate(own.index)]
    (folder / "mds.tsv").write_text("image\tsize\thue\n" + "\n".join(rows) + "\n")


@refused("look like splits, and a study has two")
def three_folders_of_splits(folder: Path) -> None:
    own = drawn(folder, [f"{('train', 'val', 'test')[i % 3]}/{image}" for i, image in enumerate(FLAT)])
    own.to_csv(folder / "mds.csv", index_label="image")


@refused("column 'split' has test, train, val, and a study has two splits")
def three_values_in_a_column_of_splits(folder: Path) -> None:
    own = drawn(folder, FLAT)
    own.assign(split=["train", "val", "test"] * 4).to_csv(folder / "mds.csv", index_label="image")


@refused("column 'split' of mds.csv has pilot, test, train, and 'pilot' is no split; write train or validation")
def a_column_of_splits_with_another_word(folder: Path) -> None:
    own = drawn(folder, FLAT)
    own.assign(split=["train", "pilot", "test"] * 4).to_csv(folder / "mds.csv", index_label="image")


@refused("look like lists of splits, and a study has two")
def three_lists_of_splits(folder: Path) -> None:
    own = drawn(folder, FLAT)
    own.to_csv(folder / "mds.csv", index_label="image")
    for i, split in enumerate(("train", "val", "test")):
        (folder / f"{split}.txt").write_text("\n".join(FLAT[i::3]))


@refused("'cat_01.png' has 'x' twice, as in row")
def a_long_table_of_single_people(folder: Path) -> None:
    own = drawn(folder, FLAT)
    long = own.rename_axis("image").reset_index().melt("image", var_name="dimension").sort_values("image")
    pd.concat([long, long]).to_csv(folder / "mds.csv", index=False)


@refused("mds.xlsx as CSV")
def a_workbook_alone(folder: Path) -> None:
    drawn(folder, FLAT)
    (folder / "mds.xlsx").write_bytes(b"PK\x03\x04")


@refused("column 'concept' seems to name the images")
def words_that_several_images_have_before_their_number(folder: Path) -> None:
    own = drawn(folder, FLAT)
    own.groupby([stem(image)[:3] for image in own.index]).mean().to_csv(folder / "mds.csv", index_label="concept")


@refused("column 'is_train' of mds.csv seems to say which images train; call it split")
def a_column_of_true_and_false_for_the_split(folder: Path) -> None:
    drawn(folder, FLAT).assign(is_train=[True, True, False] * 4).to_csv(folder / "mds.csv", index_label="image")


@refused("human.npy: row 2 without a name may be .* name the images in a column, or set dataset.order")
def rows_in_the_order_of_a_table_of_labels(folder: Path) -> None:
    images = [f"{name}.jpg" for name in ("a1", "a10", "a2", "b1", "b10", "b2")]
    np.save(folder / "human.npy", drawn(folder, images).to_numpy())
    pd.DataFrame({"id": images, "breed": list("xyxyxy")}).to_csv(folder / "labels.csv", index=False)


@refused("val.txt: row 2: image 'dog_02.png  odd' has a row but no file")
def a_list_of_validation_images_with_a_remark(folder: Path) -> None:
    drawn(folder, FLAT).to_csv(folder / "mds.csv", index_label="image")
    (folder / "val.txt").write_text("cat_01.png\ndog_02.png  odd\nowl_03.png\n")


@refused("duplicate row for image")
def a_row_for_each_person_and_image(folder: Path) -> None:
    own = drawn(folder, FLAT)
    pd.concat([own.assign(participant=p) for p in (1, 2)]).to_csv(folder / "mds.csv", index_label="image")


@refused("seems to name the images, but 'granit")
def ids_of_other_words_than_the_files(folder: Path) -> None:
    own = drawn(folder, [f"cat_{i}.png" for i in range(10, 22)])
    own.set_axis([image.replace("cat", "granite") for image in own.index]).to_csv(folder / "mds.csv", index_label="id")


@pytest.mark.parametrize("write", LAYOUTS)
def test_each_image_gets_its_own_coordinates(tmp_path, write):
    expected = write(tmp_path)
    table, _, _ = read(tmp_path)
    assert set(table.index) == set(expected.index)
    np.testing.assert_allclose(table, expected.loc[table.index], atol=1e-6)


@refused("if this is a long table, .* set config key dataset.columns: {image: bild, dimension: skala, value: wert}")
def a_long_table_in_another_language(folder):
    own = drawn(folder, FLAT).rename_axis("bild").reset_index()
    own.melt("bild", var_name="skala", value_name="wert").to_csv(
        folder / "urteile.csv", index=False, sep=";", decimal=","
    )


@pytest.mark.parametrize(("write", "line"), REFUSED)
def test_what_cannot_be_read_is_refused_in_a_line(tmp_path, write, line):
    write(tmp_path)
    with pytest.raises(RockspaceError, match=line) as error:
        read(tmp_path)
    assert "\n" not in str(error.value)
    assert len(str(error.value).replace(str(tmp_path), "")) < 500


def test_labels_may_stand_in_the_key_that_names_the_rows(tmp_path):
    own = drawn(tmp_path, FLAT)
    own.set_axis(range(101, 113)).to_csv(tmp_path / "mds.csv", index_label="id")
    key = pd.DataFrame({"id": range(101, 113), "image": own.index, "category": [name[:3] for name in own.index]})
    key.sample(frac=1, random_state=3).to_csv(tmp_path / "stimuli.csv", index=False)
    table, catalog, _ = read(tmp_path)
    np.testing.assert_allclose(table, own.loc[table.index])
    assert dict(zip(catalog["file"], catalog["label"], strict=True)) == {name: name[:3] for name in FLAT}


def test_validation_images_in_a_folder_of_their_own_may_have_no_label_or_a_new_one(tmp_path):
    images = [f"train/{image}" for image in FLAT] + ["val/elk_01.png", "val/xx_02.png"]
    own = drawn(tmp_path, images)
    labels = {image: PurePosixPath(image).name[:3] for image in images} | {"val/xx_02.png": ""}
    own.assign(label=[labels[image] for image in own.index]).to_csv(tmp_path / "mds.csv", index_label="image")
    _, catalog, _ = read(tmp_path)
    assert dict(zip(catalog["file"], catalog["label"], strict=True)) == labels
