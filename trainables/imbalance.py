"""Which images train, validate and test: a pure draw by seed.

The draw depends on the data set, the roles of its classes and the seed, never on the arm, so that arms are paired.
Each class is shuffled once and dealt in the order test, validation, training: a larger training count adds images
and moves none, so imbalance ratios are nested.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainables.configuration import OTHERS, Data
from trainables.datasets import Images
from trainables.errors import ConfigurationError, DataError
from trainables.seeding import seed_for

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Positions of images in the data set, and for every image of the data set its class (-1: takes no part)."""

    train: Indices
    validation: Indices
    test: Indices
    classes: Indices


def draw(data: Data, images: Images, seed: int) -> Split:
    """Returns the split of a seed.

    Where a data set has an official test set, test images come from it and all others from the rest.

    Raises:
        ConfigurationError: a class that the data set does not have.
        DataError: a class with too few images; says how many are needed and had.
    """
    classes = assign_classes(data, images)
    parts: dict[str, list[Indices]] = {"train": [], "validation": [], "test": []}
    for index, (name, role) in enumerate(zip(data.classes, data.roles, strict=True)):
        counts = {part: getattr(data, f"{part}_{role}") for part in parts}
        members = np.flatnonzero(classes == index)
        shuffled = np.random.default_rng(seed_for("split", seed, index)).permutation(members)
        official = None if images.official_test is None else images.official_test[shuffled]
        if official is None:
            pools: list[tuple[tuple[str, ...], Indices]] = [(("test", "validation", "train"), shuffled)]
        else:
            pools = [(("test",), shuffled[official]), (("validation", "train"), shuffled[~official])]
        for names, pool in pools:
            needed = sum(counts[part] for part in names)
            if needed > len(pool):
                wanted = " + ".join(f"{counts[part]} {part}" for part in names)
                raise DataError(f"class {name!r} of {data.source}: {wanted} = {needed} images asked, {len(pool)} there")
            ends = np.cumsum([counts[part] for part in names])
            for part, dealt in zip(names, np.split(pool[: ends[-1]], ends[:-1]), strict=True):
                parts[part].append(dealt)
    return Split(**{part: np.concatenate(dealt) for part, dealt in parts.items()}, classes=classes)


def assign_classes(data: Data, images: Images) -> Indices:
    """Returns for every image (images,) the index of its class in `data.classes`, -1 where it takes no part."""
    named = {part for name in data.classes if name != OTHERS for part in _parts(name, images)}
    index_of = {}
    for index, name in enumerate(data.classes):
        parts = set(images.class_names) - named if name == OTHERS else _parts(name, images)
        index_of.update(dict.fromkeys(parts, index))
    table = np.array([index_of.get(name, -1) for name in images.class_names], dtype=np.int64)
    return table[images.labels]


def _parts(name: str, images: Images) -> tuple[str, ...]:
    parts = (name,) if name in images.class_names else tuple(name.split("+"))
    unknown = [part for part in parts if part not in images.class_names]
    if unknown:
        raise ConfigurationError(f"unknown class {unknown[0]!r}; allowed: {', '.join(images.class_names)}, {OTHERS}")
    return parts
