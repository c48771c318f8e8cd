"""The values that the papers' own tools set silently, as named sets of changes: `--defaults keras | fastai | paper`.

K21 names neither tool; the words of its MNIST tables are Keras', the head and the one-cycle schedule of its leaves
fastai's. The values are read from the sources of Keras 2.3 and fastai v1. A profile never sets what a study varies.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from study.studies.declaration import Study
from trainables.common import ConfigurationError
from trainables.configuration import SMALL_NETWORKS, Configuration, has_backbone

DECLARED, PAPER_TOOL = "declared", "paper"  # no profile at all; the one of the tool that a study's paper seems to use


@dataclass(frozen=True)
class Profile:
    """Values that a tool sets where nobody does.

    Attributes:
        name: as `--defaults` takes it.
        fits: whether the tool's values say anything of a configuration.
        of: what networks they are for, in words.
        values: configuration -> {field: value}.
    """

    name: str
    fits: Callable[[Configuration], bool]
    of: str
    values: Callable[[Configuration], Mapping[str, Any]]


def _keras(configuration: Configuration) -> dict[str, Any]:
    """Keras 2.3: BatchNormalization, Dense, Conv2D, Adam, fit."""
    values: dict[str, Any] = {
        "network.norm_momentum": 0.01,  # 0.99 in Keras' sense
        "network.norm_eps": 1e-3,
        "network.initialisation": "glorot",
        "optimiser.name": "adam",
        "optimiser.eps": 1e-7,
        "schedule.last_batch": "kept",
    }
    return values | ({"network.pool": "flatten"} if configuration.network.name == "cnn" else {})


def _fastai(configuration: Configuration) -> dict[str, Any]:
    """Fastai v1: create_head with bn_final, cnn_learner, fit_one_cycle, get_transforms."""
    network = configuration.network
    values: dict[str, Any] = {
        "network.final_norm_momentum": 0.01,
        "network.initialisation": "kaiming",
        "network.pool": "concatenated",
        "optimiser.learning_rate": 3e-3,
        "optimiser.beta2": 0.99,
        "optimiser.weight_decay": 0.01,
        "optimiser.decays": "all",
    }
    if network.trainable != "head":
        values["optimiser.backbone_rate"] = 0.1
    if network.name == "vgg19":
        values["network.name"] = "vgg19_bn"  # the only VGG-19 that it has
    if configuration.augmentation.transform == "leaves":
        values["augmentation.transform"] = "fastai"
    return values


def _is_small(configuration: Configuration) -> bool:
    return configuration.network.name in SMALL_NETWORKS


PROFILES = {
    "keras": Profile("keras", _is_small, "dense and cnn", _keras),
    "fastai": Profile(
        "fastai", lambda configuration: has_backbone(configuration.network.name), "a backbone with a head", _fastai
    ),
}
TOOL_OF_STUDY = {
    **dict.fromkeys(("table5", "table7"), "keras"),
    **dict.fromkeys(("table1", "table4", "figure1", "figure2a", "figure2b", "factorial", "table6"), "fastai"),
}
NAMES = (DECLARED, *PROFILES, PAPER_TOOL)


def under_defaults(study: Study, name: str) -> Study:
    """Returns the study with the values of a profile in every arm.

    Raises:
        ConfigurationError: no such profile, or one whose values say nothing of the study's networks.
    """
    tool = tool_of(study, name)
    if not tool:
        return study
    profile = PROFILES[tool]
    for arm in study.arms:
        if not profile.fits(arm.configuration):
            raise ConfigurationError(
                f"--defaults {tool}: its values are of {profile.of}; {study.name} has {arm.configuration.network.name}"
            )
    varied = _varied(study)
    return study.map(lambda configuration: configuration.replace(_values(profile, configuration, varied)))


def tool_of(study: Study, name: str) -> str:
    """Returns the profile that `--defaults NAME` stands for with a study, "" for none; raises as `under_defaults`."""
    if name not in NAMES:
        raise ConfigurationError(f"--defaults: got {name!r}; allowed: {', '.join(NAMES)}")
    if name == PAPER_TOOL:
        return TOOL_OF_STUDY.get(study.name_parts.base, "")
    return "" if name == DECLARED else name


def profile_of(changes: Mapping[str, object], study: Study, arm: str) -> tuple[str, dict[str, object]]:
    """Returns the profile that is among changes to a declared arm, "" for none, and the changes that are besides it."""
    declared = study.arm(arm).configuration
    before = declared.flat()
    for profile in PROFILES.values():
        if profile.fits(declared):
            values = declared.replace(_values(profile, declared, _varied(study))).flat()
            expected = {name: value for name, value in values.items() if value != before[name]}
            if expected and expected.items() <= changes.items():
                return profile.name, {name: value for name, value in changes.items() if name not in expected}
    return "", dict(changes)


def _values(profile: Profile, configuration: Configuration, varied: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in profile.values(configuration).items() if name not in varied}


def _varied(study: Study) -> frozenset[str]:
    """Returns the fields that a study varies; a learning rate that only follows what of a backbone trains is not."""
    varied: set[str] = set()
    first: dict[str, dict[str, Any]] = {}  # what trains -> the first arm with that
    for arm in study.arms:
        flat = arm.configuration.flat()
        other = first.setdefault(arm.configuration.network.trainable, flat)
        varied.update(name for name, value in flat.items() if value != other[name])
    return frozenset(varied - {"augmentation.transform", "network.name"})  # each takes the tool's form of itself
