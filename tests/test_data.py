"""The digits are the ones that are named, and the split is fixed and stratified."""

import gzip
import hashlib

import numpy as np
import pytest

from symbackprop import data

COUNTS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.fixture(scope="module")
def digits():
    return data.load_digits()


def test_the_file_is_the_one_whose_sum_is_written_beside_it():
    digest = hashlib.sha256(gzip.decompress(data.DIGITS.read_bytes())).hexdigest()
    notice = data.DIGITS.with_name("LICENSE-digits.txt").read_text(encoding="utf-8")
    assert digest in notice
    assert "CC BY 4.0" in notice
    assert "10.24432/C50P49" in notice


def test_images_and_labels(digits):
    images, labels = digits
    assert images.shape == (1797, 64) and images.dtype == np.float64
    assert labels.shape == (1797,) and labels.dtype == np.int64
    assert images.min() == 0 and images.max() == 16
    assert np.array_equal(images, np.rint(images))
    assert np.bincount(labels).tolist() == COUNTS
    assert labels[:5].tolist() == [0, 1, 2, 3, 4]


def test_first_image_is_a_zero(digits):
    picture = (digits[0][0].reshape(8, 8) > 7).astype(int)
    assert picture[3:5, 3:5].sum() == 0
    assert picture[0].sum() > 0 and picture[7].sum() > 0


def test_split_covers_everything_once_and_is_stratified(digits):
    labels = digits[1]
    train, test = data.stratified_split(labels)
    assert (train.size, test.size) == (1438, 359)
    assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(1797))
    share = np.bincount(labels[test]) - np.array(COUNTS) * 359 / 1797
    assert np.abs(share).max() < 1


def test_split_depends_on_its_seed_only(digits):
    labels = digits[1]
    first, again, other = (data.stratified_split(labels, rng_seed=s)[1] for s in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    digest = hashlib.sha256(",".join(map(str, first)).encode()).hexdigest()
    assert digest[:16] == "cd155e93a68bba5e"


def test_split_of_small_and_unusual_classes():
    train, test = data.stratified_split([3, 3, 7, 7, 7], test_count=2)
    assert train.size == 3 and test.size == 2
    assert sorted({3, 7} & {[3, 3, 7, 7, 7][i] for i in test}) == [3, 7]
    assert [part.size for part in data.stratified_split([])] == [0, 0]


@pytest.mark.parametrize(("labels", "count"), [([[1, 2]], None), ([1, 2], 3), ([1, 2], -1)])
def test_split_refuses_what_makes_no_sense(labels, count):
    with pytest.raises(ValueError, match="expected"):
        data.stratified_split(labels, test_count=count)
