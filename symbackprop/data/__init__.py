"""The 1,797 handwritten digits that the demo trains on, and their split.

Source and licence stand in `LICENSE-digits.txt` beside the data. Imports NumPy, nothing of ours.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

DIGITS = Path(__file__).with_name("digits.csv.gz")


def load_digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Read the digits.

    Returns
    -------
    images : ndarray of shape (1797, 64), float64
        Pixels 0 to 16, the 8 x 8 image row by row.
    labels : ndarray of shape (1797,), int64
        The digit, 0 to 9.

    References
    ----------
    E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine
    Learning Repository, https://doi.org/10.24432/C50P49, CC BY 4.0.
    """
    with gzip.open(DIGITS, "rt", encoding="ascii") as stream:
        table = np.loadtxt(stream, delimiter=",", dtype=np.int64)
    return table[:, :-1].astype(np.float64), table[:, -1].copy()


def stratified_split(
    labels: ArrayLike, rng_seed: int = 0, test_count: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split samples into train and test so that each class has its share in both.

    Parameters
    ----------
    labels : array_like of shape (m,), integer
        The class of each sample.
    rng_seed : int
        Seed of `numpy.random.default_rng`, which chooses the test samples within each class.
    test_count : int, optional
        How many samples are held out; a fifth, rounded down, unless said otherwise.

    Returns
    -------
    train, test : ndarray of int64
        Ascending indices, disjoint, covering all samples. For the digits 1438 and 359 of them.

    Raises
    ------
    ValueError
        When `labels` is not one-dimensional or `test_count` is not between 0 and m.
    """
    classes_of = np.asarray(labels)
    if classes_of.ndim != 1:
        raise ValueError(f"labels: expected shape (m,), got {classes_of.shape}")
    held_out = classes_of.size // 5 if test_count is None else test_count
    if not 0 <= held_out <= classes_of.size:
        raise ValueError(f"test_count: expected 0 to {classes_of.size}, got {held_out}")
    rng = np.random.default_rng(rng_seed)
    classes, sizes = np.unique(classes_of, return_counts=True)
    is_test = np.zeros(classes_of.size, dtype=np.bool_)
    for label, share in zip(classes, _shares(sizes, held_out), strict=True):
        members = np.flatnonzero(classes_of == label)
        is_test[rng.permutation(members)[:share]] = True
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def _shares(sizes: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Divide `total` in proportion to `sizes`: round down, the rest to the largest remainders."""
    whole, remainder = np.divmod(sizes * total, max(int(sizes.sum()), 1))
    short = total - int(whole.sum())
    whole[np.argsort(-remainder, kind="stable")[:short]] += 1
    return whole
