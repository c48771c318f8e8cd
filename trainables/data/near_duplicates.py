"""Which images show the same picture: resized, recompressed or turned upright anew, so that their bytes differ.

A perceptual hash (`imagehash.phash`, 64 bits, of the colour channel with most contrast) proposes pairs; a small copy of
both decides. The hash alone cries wolf where images are alike by nature, as digits or parts in a fixture are: it sees
the coarse shape only. So the copies of a pair have to agree far better than those of images drawn from the same folder
do. What is nearly of one colour has no shape to compare and is nobody's twin.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

MOST_BITS = 6  # of 64 in which the hashes of a pair differ
BANDS = np.array_split(np.arange(64), MOST_BITS + 1)  # a pair agrees on all bits of one of them at least
SIDE = 16  # pixels of the small copy
LEAST_CONTRAST = 4.0  # levels: standard deviation of the channel with most contrast, in the small copy
NUM_DRAWN, LIKE_EACH_OTHER = 4000, 0.9  # pairs drawn from the folder, and the quantile of their correlations
SHARE_OF_DISTANCE = 0.06  # 1 - correlation of a pair's small copies over that of images like each other
BLOCK = 512  # images of a band's bucket that are compared with the rest at a time


@dataclass(frozen=True)
class Appearance:
    """What an image looks like from afar: its perceptual hash, bool (64,), and a small copy, uint8 (SIDE, SIDE, 3)."""

    bits: npt.NDArray[np.bool_]
    copy: npt.NDArray[np.uint8]


def appearance(image: Image.Image) -> Appearance | None:
    """Returns what an upright RGB image looks like from afar; None where it is nearly of one colour."""
    import imagehash  # not needed where there are no folders, as on a bare GPU machine

    copy = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    contrasts = copy.std(axis=(0, 1))
    if contrasts.max() < LEAST_CONTRAST:
        return None
    channel = image.getchannel(int(contrasts.argmax()))
    return Appearance(imagehash.phash(channel).hash.ravel(), copy)


def groups_of_twins(appearances: Sequence[Appearance | None]) -> npt.NDArray[np.int64]:
    """Returns a number per image, (images,): images that show the same picture have the same.

    A twin of a twin is one too. Time grows with the images times those that are alike in a seventh of the hash.
    """
    places = np.array([place for place, each in enumerate(appearances) if each is not None], dtype=np.int64)
    first_of = np.arange(len(appearances))
    if len(places) > 1:
        looks = [each for each in appearances if each is not None]
        bits = np.array([look.bits for look in looks])
        copies = np.array([look.copy for look in looks], dtype=np.float32)
        copies = (copies - copies.mean(axis=(1, 2), keepdims=True)).reshape(len(looks), -1)
        copies /= np.linalg.norm(copies, axis=1, keepdims=True)
        for left, right in _pairs(bits, copies, _least_correlation(bits, copies)):
            for one, other in zip(places[left].tolist(), places[right].tolist(), strict=True):
                _join(first_of, one, other)
    for place in range(len(first_of)):
        first_of[place] = first_of[first_of[place]]  # of an earlier image, which is settled
    return np.unique(first_of, return_inverse=True)[1].astype(np.int64)


def _pairs(
    bits: npt.NDArray[np.bool_], copies: npt.NDArray[np.float32], least_correlation: float
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Yields the two sides of pairs whose hashes and copies agree, some of them more than once."""
    hashes = np.packbits(bits, axis=1).view(np.uint64).ravel()
    for band in BANDS:
        values = bits[:, band] @ (1 << np.arange(len(band)))
        order = np.argsort(values, kind="stable")
        ends = np.flatnonzero(np.diff(values[order])) + 1
        for bucket in np.split(order, ends):
            for start in range(0, len(bucket), BLOCK):
                some, rest = bucket[start : start + BLOCK], bucket[start:]
                near = np.bitwise_count(hashes[some][:, None] ^ hashes[rest][None]) <= MOST_BITS
                left, right = np.nonzero(np.triu(near, k=1))
                left, right = some[left], rest[right]
                alike = np.einsum("ij,ij->i", copies[left], copies[right]) >= least_correlation
                yield left[alike], right[alike]


def _least_correlation(bits: npt.NDArray[np.bool_], copies: npt.NDArray[np.float32]) -> float:
    """Returns how well the small copies of twins correlate, from how well those of any two images do.

    Pairs that may be twins themselves do not count, unless most are: then the images are alike by nature.
    """
    one, other = np.random.default_rng(0).integers(0, len(copies), (2, NUM_DRAWN))
    other = np.where(one == other, (other + 1) % len(copies), other)
    may_be_twins = (bits[one] != bits[other]).sum(axis=1) <= MOST_BITS
    correlations = np.einsum("ij,ij->i", copies[one], copies[other])
    usual = np.quantile(correlations if may_be_twins.mean() > 0.5 else correlations[~may_be_twins], LIKE_EACH_OTHER)
    return float(1 - SHARE_OF_DISTANCE * (1 - max(usual, 0)))


def _join(first_of: npt.NDArray[np.int64], one: int, other: int) -> None:
    """Makes two images, and all that are joined to them, one group: that of its earliest image."""
    while first_of[one] != one:
        one = int(first_of[one])
    while first_of[other] != other:
        other = int(first_of[other])
    first_of[max(one, other)] = min(one, other)
