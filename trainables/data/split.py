"""Which images train, validate and test: a pure draw by seed.

The draw depends on the data set, the roles of its classes and the seed, never on the arm, so that arms are paired.
Each class is shuffled once and dealt in the order test, validation, training: a larger training count adds images
and moves none, so imbalance ratios are nested. Blocked: whole blocks of neighbouring photos are shuffled and dealt,
each to one split only. Grouped: whole groups, about a fifth of every class to test and a fifth to validate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt

from trainables.configuration import OTHERS, Data, merged
from trainables.data.images import Images
from trainables.errors import ConfigurationError, DataError
from trainables.seeding import seed_for

Indices = npt.NDArray[np.int64]
DEALING = ("test", "validation", "train")
GROUPED_SHARE = 0.2  # of a class, for test and for validation


@dataclass(frozen=True)
class Split:
    """Positions of images in the data set, and for every image of the data set its class (-1: takes no part)."""

    train: Indices
    validation: Indices
    test: Indices
    classes: Indices


def draw_split(data: Data, images: Images, seed: int) -> Split:
    """Returns the split of a seed.

    Where a data set has an official test set, test images come from it and all others from the rest.

    Raises:
        ConfigurationError: a class that the data set does not have.
        DataError: a class with too few images; says how many are needed and had. A blocked split without series.
    """
    classes = assign_classes(data, images)
    if data.split != "random" and images.blocks is None:
        lacks = "are no series" if data.split == "blocked" else "have no groups (--groups or --group-pattern)"
        raise DataError(f"data.split={data.split}: the images of {data.source} {lacks}; random is allowed")
    grouped = _group_parts(classes, images, seed) if data.split == "grouped" else None
    parts: dict[str, list[Indices]] = {part: [] for part in DEALING}
    for index, (name, role) in enumerate(zip(data.classes, data.roles, strict=True)):
        members = np.flatnonzero(classes == index)
        asked = {part: getattr(data, f"{part}_{role}") for part in DEALING}
        counts = {part: round(n * len(members)) if isinstance(n, float) else n for part, n in asked.items()}
        rng = np.random.default_rng(seed_for("split", seed, index))
        if data.split == "blocked":
            dealt = _deal_blocks(members, images, counts, rng)
        elif grouped is not None:
            dealt = _deal_groups(rng.permutation(members), grouped, asked)
        else:
            dealt = _deal(rng.permutation(members), images, counts)
        for part in DEALING:
            short = not isinstance(counts[part], str) and len(dealt[part]) < int(counts[part])
            if grouped is not None and images.blocks is not None:  # shares come out as the groups allow
                if asked[part] and not len(dealt[part]):
                    there = len(np.unique(images.blocks[members]))
                    raise DataError(
                        f"class {name!r} of {data.source}: {there} groups; 3 are needed, to train, validate and test, "
                        "and more where classes share groups"
                    )
                if short and isinstance(asked[part], int):
                    raise DataError(
                        f"class {name!r} of {data.source}: {asked[part]} {part} images asked (whole groups only), "
                        f"{len(dealt[part])} there"
                    )
            elif short or (asked[part] and not len(dealt[part])):
                wanted = " + ".join(f"{counts[p]} {p}" for p in DEALING)
                had = len(members)
                raise DataError(
                    f"class {name!r} of {data.source}: {wanted} images asked ({data.split} split), {had} there"
                )
            parts[part].append(dealt[part])
    train, validation, test = (np.concatenate(parts[part]) for part in ("train", "validation", "test"))
    return Split(train, validation, test, classes)


def _deal(shuffled: Indices, images: Images, counts: dict[str, int | str]) -> dict[str, Indices]:
    """Deals single images: the first ones test, the next validate, the next train."""
    if images.official_test is None:
        pools: dict[tuple[str, ...], Indices] = {DEALING: shuffled}
    else:
        official = images.official_test[shuffled]
        pools = {DEALING[:1]: shuffled[official], DEALING[1:]: shuffled[~official]}
    dealt = {}
    for parts, pool in pools.items():
        for part in parts:
            number = len(pool) if counts[part] == "all" else int(counts[part])
            dealt[part], pool = pool[:number], pool[number:]
    return dealt


def _deal_blocks(
    members: Indices, images: Images, counts: dict[str, int | str], rng: np.random.Generator
) -> dict[str, Indices]:
    """Deals whole blocks until a split has its images; what is left of its last block serves no split."""
    assert images.blocks is not None
    blocks = images.blocks[members]
    order = rng.permutation(np.unique(blocks[blocks >= 0])).tolist()
    dealt: dict[str, Indices] = {}
    for part in DEALING:
        taken: list[int] = []
        while order and (counts[part] == "all" or len(taken) < int(counts[part])):
            taken += rng.permutation(members[blocks == order.pop(0)]).tolist()
        dealt[part] = np.array(taken if counts[part] == "all" else taken[: int(counts[part])], dtype=np.int64)
    return dealt


def _group_parts(classes: Indices, images: Images, seed: int) -> Indices:
    """Returns for every image the place of its split in DEALING, -1 for those that take no part.

    Groups stay whole. The rarest class is dealt first, its groups in an order of the seed's own: to test until that has
    its share of the class, to validation likewise, the rest to training, as is a group larger than two shares unless
    test or validation would stay empty.
    """
    assert images.blocks is not None
    part_of: dict[int, int] = {}
    rng = np.random.default_rng(seed_for("groups", seed))
    numbers = np.bincount(classes[classes >= 0])
    for index in np.argsort(numbers, kind="stable"):
        groups, sizes = np.unique(images.blocks[classes == index], return_counts=True)
        target = GROUPED_SHARE * numbers[index]
        size_of = dict(zip(groups.tolist(), sizes.tolist(), strict=True))
        filled = [sum(size for group, size in size_of.items() if part_of.get(group) == part) for part in range(3)]
        free = [group for group in rng.permutation(groups).tolist() if group not in part_of]
        free.sort(key=lambda group: size_of[group] > 2 * target)
        for part in (0, 1):
            later = sum(not filled[other] for other in range(part + 1, 3))  # splits that still have nothing of it
            while free and (not filled[part] or (filled[part] + size_of[free[0]] / 2 <= target and len(free) > later)):
                group = free.pop(0)
                part_of[group] = part
                filled[part] += size_of[group]
        part_of |= dict.fromkeys(free, 2)
    parts = np.array([part_of.get(group, -1) for group in images.blocks.tolist()], dtype=np.int64)
    return np.where(classes >= 0, parts, -1)


def _deal_groups(shuffled: Indices, parts: Indices, asked: Mapping[str, int | float | str]) -> dict[str, Indices]:
    """Deals the images of a class as their groups are dealt; whole numbers take some of them."""
    pools = {part: shuffled[parts[shuffled] == place] for place, part in enumerate(DEALING)}
    return {part: pool[: asked[part]] if isinstance(asked[part], int) else pool for part, pool in pools.items()}


def assign_classes(data: Data, images: Images) -> Indices:
    """Returns for every image (images,) the index of its class in `data.classes`, -1 where it takes no part."""
    rest = "" if OTHERS in images.class_names else OTHERS  # a class of that name is itself
    named = {part for name in data.classes if name != rest for part in _parts(name, images)}
    index_of = {}
    for index, name in enumerate(data.classes):
        parts = set(images.class_names) - named if name == rest else _parts(name, images)
        index_of.update(dict.fromkeys(parts, index))
    table = np.array([index_of.get(name, -1) for name in images.class_names], dtype=np.int64)
    return table[images.labels]


def _parts(name: str, images: Images) -> tuple[str, ...]:
    if name in images.merged:
        return images.merged[name]
    parts = (name,) if name in images.class_names else tuple(merged(name))
    unknown = [part for part in parts if part not in images.class_names]
    if unknown:
        allowed = [*images.class_names, *images.merged, OTHERS]
        near = get_close_matches(unknown[0], allowed, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ConfigurationError(f"unknown class {unknown[0]!r}{hint}; allowed: {', '.join(allowed)}")
    return parts
