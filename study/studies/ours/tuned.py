"""Not a row of the papers: the study that a search makes of its winners."""

from collections.abc import Mapping

from study.studies.arms import FINAL, NONE, removal_claims
from study.studies.declaration import Arm, Claim, Pair, Study
from study.studies.search_space import SEARCH_ARMS
from trainables.configuration import Configuration

TITLE = "every arm tuned alike on validation, compared on test"


def tuned_study(name: str, winners: Mapping[str, Configuration]) -> Study:
    """Returns the study of tuned arms: the final BN against every arm without one, on 10 fresh seeds.

    `winners` is {arm: configuration}; of a search with several objectives {name of a point: configuration}.
    """
    order = list(SEARCH_ARMS)
    winning = (
        Arm(name, configuration, method=_method_of(name, configuration)) for name, configuration in winners.items()
    )
    arms = tuple(sorted(winning, key=lambda arm: (order.index(arm.method), arm.name)))
    rivals = [arm.name for arm in arms if arm.configuration.network.final_norm == "none"]
    claims = [
        Claim(f"tuned: {rival}", f"the tuned final BN beats the tuned arm {rival!r}", "gain", (FINAL,), (rival,))
        for rival in rivals
    ]
    if NONE in winners:
        claims += removal_claims((FINAL,), (NONE,))
    pairs = tuple(Pair(rival, FINAL, rival) for rival in rivals)
    if FINAL not in winners:
        pairs, claims = (), []
    return Study(name, "this project", TITLE, arms, pairs, tuple(claims))


def name_of_point(method: str, key: str) -> str:
    """Returns the name of a setting on the front of several objectives: "final BN, 1a2b3c", its arm and its key.

    By key, because with more trials the front has other points.
    """
    return f"{method}, {key[:6]}"


def _method_of(winner: str, configuration: Configuration) -> str:
    """Returns which arm of the search a winner is a setting of."""
    return next(method for method in SEARCH_ARMS if winner in (method, name_of_point(method, configuration.key)))
