"""Which images train, validate and test: a pure draw by seed.

The draw depends on the data set, the roles of its classes and the seed, never on the arm, so that arms are paired.

random   Each class is shuffled once and dealt in the order test, validation, training: a larger training count adds
         images and moves none, so imbalance ratios are nested.
blocked  Blocks of neighbouring photos (`Images.series`) are shuffled and dealt likewise, each to one split only.
grouped  Whole groups (`Images.groups`) are dealt, about a fifth of every class to test and a fifth to validation.
given    As `Images.parts` says, the same test images for every seed. Where nothing is given for validation, about a
         fifth of the training images validates, drawn by seed (whole groups, where there are groups); where nothing
         is given for test, what is given for validation tests.
everything  Every image trains; the same ones validate and test, so that nothing is known of other images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

import numpy as np
import numpy.typing as npt

from trainables.common import ConfigurationError, DataError, seed_for
from trainables.configuration import FOLDER, OTHERS, Data, merged
from trainables.data.images import DEALING, TEST, TRAIN, VALIDATION, Images

Indices = npt.NDArray[np.int64]
Number = int | Literal["all"]  # of images
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

    Where a data set has an official test set, a random split takes test images from it and all others from the rest.

    Raises:
        ConfigurationError: a class that the data set does not have.
        DataError: a blocked split without series, a grouped one without groups, a given one without parts; a class with
            too few images or groups (says how many are needed and how many there are).
    """
    classes = assign_classes(data, images)
    if data.split == "everything":
        everything = np.flatnonzero(classes >= 0)
        return Split(everything, everything, everything, classes)
    _check_kind(data, images)
    part_of_image = None
    if data.split == "grouped":
        assert images.groups is not None
        part_of_image = _deal_groups(classes, images.groups, seed)
    elif data.split == "given":
        part_of_image = _given_parts(classes, images, seed)
    positions: dict[str, list[Indices]] = {part: [] for part in DEALING}
    for index, (name, role) in enumerate(zip(data.classes, data.roles, strict=True)):
        members = np.flatnonzero(classes == index)
        counts = {part: getattr(data, f"{part}_{role}") for part in DEALING}
        rng = np.random.default_rng(seed_for("split", seed, index))
        if part_of_image is not None:
            dealt = _take_of_groups(rng.permutation(members), part_of_image, counts)
            _check_whole(f"class {name!r} of {data.source}", members, images, data.split, counts, dealt)
        else:
            numbers = {part: _as_number(count, len(members)) for part, count in counts.items()}
            if data.split == "blocked":
                dealt = _deal_blocks(members, images, numbers, rng)
            else:
                dealt = _deal_images(rng.permutation(members), images, numbers)
            if any(_is_short(counts[part], numbers[part], len(dealt[part])) for part in DEALING):
                sum_of_parts = " + ".join(f"{numbers[part]} {part}" for part in DEALING)
                raise DataError(
                    f"class {name!r} of {data.source}: {sum_of_parts} images asked ({data.split} split), "
                    f"{len(members)} there"
                )
        for part in DEALING:
            positions[part].append(dealt[part])
    train, validation, test = (np.concatenate(positions[part]) for part in ("train", "validation", "test"))
    return Split(train, validation, test, classes)


def _check_kind(data: Data, images: Images) -> None:
    """Raises DataError where the images cannot be split in this way, and says in which ways they can."""
    has = {
        "random": True,
        "blocked": images.series is not None,
        "grouped": images.groups is not None,
        "given": images.parts is not None,
    }
    if has[data.split]:
        return
    lacks = {"blocked": "are no series", "grouped": "have no groups", "given": "are not in train, val, test"}[
        data.split
    ]
    if data.split == "grouped" and data.source.startswith(FOLDER):
        lacks += " (--groups or --group-pattern)"
    allowed = [split for split, is_allowed in has.items() if is_allowed]
    verb = "is" if len(allowed) == 1 else "are"
    raise DataError(
        f"data.split={data.split}: the images of {data.source} {lacks}; {' and '.join(allowed)} {verb} allowed"
    )


def _as_number(count: float | Literal["all"], num_images: int) -> Number:
    """Returns how many images of a class a count means; a share is of all its images."""
    return round(count * num_images) if isinstance(count, float) else count


def _is_short(count: float | Literal["all"], number: Number, num_dealt: int) -> bool:
    """Whether a split got fewer images of a class than asked, or none where some were asked."""
    return (number != "all" and num_dealt < number) or (bool(count) and not num_dealt)


def _deal_images(shuffled: Indices, images: Images, numbers: Mapping[str, Number]) -> dict[str, Indices]:
    """Deals single images: the first ones test, the next validate, the next train."""
    if images.official_test is None:
        pools: dict[tuple[str, ...], Indices] = {DEALING: shuffled}
    else:
        official = images.official_test[shuffled]
        pools = {DEALING[:1]: shuffled[official], DEALING[1:]: shuffled[~official]}
    dealt = {}
    for parts, pool in pools.items():
        left = pool
        for part in parts:
            number = numbers[part]
            end = len(left) if number == "all" else number
            dealt[part], left = left[:end], left[end:]
    return dealt


def _deal_blocks(
    members: Indices, images: Images, numbers: Mapping[str, Number], rng: np.random.Generator
) -> dict[str, Indices]:
    """Deals whole blocks until a split has its images; what is left of its last block serves no split."""
    assert images.series is not None
    blocks = images.series[members]
    left = rng.permutation(np.unique(blocks[blocks >= 0])).tolist()
    dealt: dict[str, Indices] = {}
    for part in DEALING:
        number = numbers[part]
        taken: list[int] = []
        while left and (number == "all" or len(taken) < number):
            taken += rng.permutation(members[blocks == left.pop(0)]).tolist()
        dealt[part] = np.array(taken if number == "all" else taken[:number], dtype=np.int64)
    return dealt


def _given_parts(classes: Indices, images: Images, seed: int) -> Indices:
    """Returns for every image the place of its split in DEALING as its folder or table says, -1 for no part.

    Raises:
        DataError: nothing is given for training, or for training alone; a group that is in two of the given parts.
    """
    assert images.parts is not None
    parts = np.where(classes >= 0, images.parts, -1)
    if not (parts == TEST).any():
        parts[parts == VALIDATION] = TEST
    if not ((parts == TEST).any() and (parts == TRAIN).any()):
        raise DataError("data.split=given: images to train on and images to test on are needed: folders train and test")
    _refuse_groups_across(parts, images)
    if not (parts == VALIDATION).any():
        groups = np.arange(len(parts)) if images.groups is None else images.groups
        of_training = _deal_groups(np.where(parts == TRAIN, classes, -1), groups, seed, to=(VALIDATION,))
        parts = np.where(parts == TRAIN, of_training, parts)
    return parts


def _refuse_groups_across(parts: Indices, images: Images) -> None:
    if images.groups is None:
        return
    takes_part = parts >= 0
    pairs = np.unique(np.stack([images.groups[takes_part], parts[takes_part]]), axis=1)
    groups, num_parts = np.unique(pairs[0], return_counts=True)
    across = groups[num_parts > 1]
    if len(across):
        member = int(np.flatnonzero(takes_part & (images.groups == across[0]))[0])
        raise DataError(
            f"data.split=given: {len(across)} groups are in more than one of train, val and test, such as that of "
            f"{images.sample_names[member]}; leave out the groups or draw the split from them (data.split=grouped)"
        )


def _deal_groups(
    classes: Indices, groups_of_images: Indices, seed: int, to: Sequence[int] = (TEST, VALIDATION)
) -> Indices:
    """Returns for every image the place of its split in DEALING, -1 for those that take no part.

    Groups stay whole. The rarest class is dealt first, its groups in an order of the seed's own: to test until that has
    its share of the class, to validation likewise, the rest to training, as is a group larger than two shares unless
    test or validation would stay empty.
    """
    part_of_group: dict[int, int] = {}
    rng = np.random.default_rng(seed_for("groups", seed))
    class_sizes = np.bincount(classes[classes >= 0])
    for index in np.argsort(class_sizes, kind="stable"):
        groups, sizes = np.unique(groups_of_images[classes == index], return_counts=True)
        size_of = dict(zip(groups.tolist(), sizes.tolist(), strict=True))
        share = GROUPED_SHARE * class_sizes[index]
        filled = [0, 0, 0]  # images of this class in each split, from groups that it shares with a rarer class
        for group, size in size_of.items():
            if group in part_of_group:
                filled[part_of_group[group]] += size
        free = [group for group in rng.permutation(groups).tolist() if group not in part_of_group]
        free.sort(key=lambda group: size_of[group] > 2 * share)  # large ones last
        for part in to:
            num_empty_later = sum(not filled[later] for later in range(part + 1, len(DEALING)))
            while free:
                fits = filled[part] + size_of[free[0]] / 2 <= share
                if filled[part] and not (fits and len(free) > num_empty_later):
                    break
                group = free.pop(0)
                part_of_group[group] = part
                filled[part] += size_of[group]
        part_of_group |= dict.fromkeys(free, TRAIN)
    part_of_image = [part_of_group.get(group, -1) for group in groups_of_images.tolist()]
    return np.where(classes >= 0, np.array(part_of_image, dtype=np.int64), -1)


def _take_of_groups(
    shuffled: Indices, part_of_image: Indices, counts: Mapping[str, float | Literal["all"]]
) -> dict[str, Indices]:
    """Returns the images of a class as their groups are dealt; a whole number takes as many of them."""
    taken = {}
    for place, part in enumerate(DEALING):
        pool, count = shuffled[part_of_image[shuffled] == place], counts[part]
        taken[part] = pool[:count] if isinstance(count, int) else pool
    return taken


def _check_whole(
    name: str,
    members: Indices,
    images: Images,
    kind: str,
    counts: Mapping[str, float | Literal["all"]],
    dealt: Mapping[str, Indices],
) -> None:
    """Raises DataError for a split without images of a class, or with fewer than the whole number that is asked.

    A share is no promise: whole groups give about that much, and a given part is what it is.
    """
    how = "whole groups only" if kind == "grouped" else "given split"
    for part in DEALING:
        count, num_dealt = counts[part], len(dealt[part])
        if count and not num_dealt and kind == "given":
            numbers = ", ".join(f"{other} {len(dealt[other])}" for other in reversed(DEALING))
            raise DataError(f"{name}: in the given split {numbers} of its images; each needs one at least")
        if count and not num_dealt:
            assert images.groups is not None
            raise DataError(
                f"{name}: {len(np.unique(images.groups[members]))} groups; 3 are needed, to train, validate and test, "
                "and more where classes share groups"
            )
        if isinstance(count, int) and num_dealt < count:
            raise DataError(f"{name}: {count} {part} images asked ({how}), {num_dealt} there")


def assign_classes(data: Data, images: Images) -> Indices:
    """Returns for every image (images,) the index of its class in `data.classes`, -1 where it takes no part.

    Raises:
        ConfigurationError: a class that the data set does not have; says which it has.
    """
    rest = "" if OTHERS in images.class_names else OTHERS  # a class of that name is itself
    named = {own_name for name in data.classes if name != rest for own_name in _own_names(name, images)}
    index_of = {}
    for index, name in enumerate(data.classes):
        own_names = set(images.class_names) - named if name == rest else _own_names(name, images)
        index_of.update(dict.fromkeys(own_names, index))
    index_of_label = np.array([index_of.get(name, -1) for name in images.class_names], dtype=np.int64)
    return index_of_label[images.labels]


def _own_names(name: str, images: Images) -> tuple[str, ...]:
    """Returns the data set's own classes that a name of a configuration stands for."""
    if name in images.merged:
        return images.merged[name]
    own_names = (name,) if name in images.class_names else tuple(merged(name))
    unknown = [own_name for own_name in own_names if own_name not in images.class_names]
    if unknown:
        allowed = [*images.class_names, *images.merged, OTHERS]
        near = get_close_matches(unknown[0], allowed, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ConfigurationError(f"unknown class {unknown[0]!r}{hint}; allowed: {', '.join(allowed)}")
    return own_names
