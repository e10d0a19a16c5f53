"""TFRecords hold every image once, the same bytes for the same input."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rockspace.data.catalog import read_catalog
from rockspace.data.images import square
from rockspace.data.tfrecords import iter_metadata, read_records, shard_bounds, write_shard
from rockspace.errors import RockspaceError


@given(st.integers(0, 5000), st.integers(1, 60))
def test_shards_share_the_images_out_evenly(n_images, shards):
    bounds = [shard_bounds(n_images, shard, shards) for shard in range(shards)]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == n_images
    assert all(a[1] == b[0] for a, b in itertools.pairwise(bounds))
    sizes = [last - first for first, last in bounds]
    assert max(sizes) - min(sizes) <= 1


def test_what_is_read_is_what_was_in_the_files(study, geometry):
    catalog = read_catalog(study / "catalog.csv")
    train = catalog[catalog["split"] == "train"].reset_index(drop=True)
    records = list(read_records(sorted(study.glob("train-*.tfrecord")), geometry).as_numpy_iterator())
    assert [record["image_id"].decode() for record in records] == [train["image_id"][r["position"]] for r in records]
    assert sorted(record["position"] for record in records) == list(range(24))
    assert set(records[0]) == {"image", "image_id", "position"}
    sixth = square(Image.open(study / train["path"][records[5]["position"]]), 40, "pad", (255, 255, 255))
    np.testing.assert_array_equal(records[5]["image"], sixth)


def test_writing_again_gives_the_same_bytes(study, geometry, tmp_path):
    catalog = read_catalog(study / "catalog.csv")
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        write_shard(path, catalog, study, geometry, split="train", shard=0, shards=1)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_shard_with_a_missing_image_is_not_left_half_written(study, geometry, tmp_path):
    catalog = read_catalog(study / "catalog.csv")
    catalog.loc[3, "path"] = "images/train/L0/none.png"
    with pytest.raises(RockspaceError, match=r"none\.png"):
        write_shard(tmp_path / "a", catalog, study, geometry, split="train", shard=0, shards=1)
    assert list(tmp_path.iterdir()) == []


def test_the_order_is_random_and_does_not_depend_on_the_number_of_shards(study, geometry, tmp_path):
    write_shard(tmp_path / "a", read_catalog(study / "catalog.csv"), study, geometry, split="train", shard=0, shards=1)
    positions = [position for _, position in iter_metadata([tmp_path / "a"])]
    assert positions == [position for _, position in iter_metadata(sorted(study.glob("train-*.tfrecord")))]
    assert positions != sorted(positions)
