"""Arms of somebody's own: Python entry points of the group "final_bn.arms", each the name of an arm.

An entry point is a dict from fields of a configuration to values, which is what the arm changes of the arm without any
remedy. A loss or a head of one's own is the field loss.function or network.head, its value package.module:function.
"""

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any

from study.studies.arms import NONE
from study.studies.declaration import Arm, Claim, Pair, Study
from trainables import own_code
from trainables.common import ConfigurationError, first_line
from trainables.configuration import FOLDER, SOURCES, Configuration, resolve_field

GROUP = "final_bn.arms"
OWN_FIELDS = ("data.source", "network.name", "network.head", "loss.function")  # that take a function of one's own
_CONTROLS = (NONE, "plain")  # methods of arms without any remedy


def own_arms() -> dict[str, dict[str, Any]]:
    """Returns {name of an arm: field -> value} of every entry point, sorted by name.

    Raises:
        ConfigurationError: one that cannot be loaded, is no dict, or names a field or value that there is not.
    """
    arms = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        where = f"arm {point.name!r} ({GROUP}, {point.value})"
        try:
            changes = point.load()
        except Exception as error:  # code of somebody's own raises what it likes
            said = f"{type(error).__name__}: {first_line(error)}"
            raise ConfigurationError(f"{where} cannot be loaded: {said}") from error
        if not isinstance(changes, Mapping) or not changes:
            got = "empty" if changes == {} else f"a {type(changes).__name__}"
            raise ConfigurationError(f"{where} is {got}; a dict of FIELD: VALUE is needed")
        try:
            fields = {resolve_field(field): with_fingerprint(field, value) for field, value in changes.items()}
            Configuration().replace(fields)
        except ConfigurationError as error:
            raise ConfigurationError(f"{where}: {error}") from error
        arms[point.name] = fields
    return arms


def with_fingerprint(field: str, value: Any) -> Any:
    """Returns the value of a field; package.module:function, where the field takes one, with its fingerprint."""
    takes_function = isinstance(value, str) and resolve_field(field) in OWN_FIELDS and own_code.is_spec(value)
    is_ours = takes_function and (SOURCES.fullmatch(value) or value.startswith(FOLDER))
    return own_code.name_own(value) if takes_function and not is_ours else value


def with_own_arms(study: Study) -> Study:
    """Returns a study with somebody's own arms beside each arm without a remedy, and claims that judge them.

    Each is claimed to lift the minority F1, and the final BN to lift it more.
    """
    places = [pair for pair in study.pairs if study.arm(pair.control).method in _CONTROLS]
    controls, finals = [study.arm(pair.control) for pair in places], tuple(pair.treated for pair in places)
    for name, changes in own_arms().items():
        if any(name in (arm.name, arm.method) for arm in study.arms):
            raise ConfigurationError(f"arm {name!r} ({GROUP}): {study.name} has an arm of that name; choose another")
        arms, pairs = [], []
        for control in controls:
            own_name = control.name.replace(control.method, name, 1)
            arms.append(Arm(own_name, control.configuration.replace(changes), cell=control.cell, method=name))
            pairs.append(Pair(own_name, own_name, control.name))
        own = tuple(arm.name for arm in arms)
        claims = (
            Claim(name, f"{name} lifts the minority F1", "gain", own, tuple(control.name for control in controls)),
            Claim(f"H0 {name}", f"the final BN lifts it more than {name} does", "gain", finals, own),
        )
        study = replace(study, arms=(*study.arms, *arms), pairs=(*study.pairs, *pairs), claims=(*study.claims, *claims))
    return study
