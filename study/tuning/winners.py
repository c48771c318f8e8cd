"""Which settings of a search win: the best of every arm, or with several objectives the Pareto front. Pure."""

from collections.abc import Mapping, Sequence

from study.evidence import Setting, pareto_front
from study.studies import Direction, name_of_point
from trainables.configuration import Configuration


def winners_of(
    settings_of_arm: Mapping[str, Sequence[Setting]],
    arms: Mapping[str, Configuration],
    directions: Sequence[Direction],
) -> dict[str, Configuration]:
    """Returns {name: configuration that won}; an arm without a complete setting has no winner.

    Args:
        settings_of_arm: arm -> its finished settings.
        arms: arm -> the configuration that a setting changes.
        directions: one an objective; of a single one more is better.

    Returns:
        With one objective the best setting of every arm under the arm's name; with several every setting on the front
        of all arms together, as "<arm>, <start of its key>".
    """
    winners: dict[str, Configuration] = {}
    if len(directions) == 1:
        for arm, settings in settings_of_arm.items():
            complete = [setting for setting in settings if setting.state == "complete"]
            if complete:
                best = max(complete, key=lambda setting: setting.scores)
                winners[arm] = arms[arm].replace(best.values)
        return winners
    front = pareto_front([setting for settings in settings_of_arm.values() for setting in settings], directions)
    for arm, settings in settings_of_arm.items():
        for setting in settings:
            if setting in front:
                point = arms[arm].replace(setting.values)
                winners[name_of_point(arm, point.key)] = point
    return winners
