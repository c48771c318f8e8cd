"""Not a row of the papers: the study that a search makes of its winners."""

from collections.abc import Mapping, Sequence

from study.studies.arms import FINAL, NONE, removal_claims
from study.studies.declaration import Arm, Claim, Pair, Study
from study.studies.search_space import search_arms
from trainables.configuration import Configuration

TITLE = "every arm tuned alike on validation, compared on test"


def tuned_study(name: str, winners: Mapping[str, Configuration]) -> Study:
    """Returns the study of tuned arms: the final BN against every arm without one, on 10 fresh seeds.

    `winners` is {arm: configuration}; of a search with several objectives {name of a point: configuration}.
    """
    order = list(search_arms())
    winning = [Arm(name, won, method=_method_of(name, won, order)) for name, won in winners.items()]
    order += [arm.method for arm in winning if arm.method not in order]  # those that are not installed any more
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


def _method_of(winner: str, configuration: Configuration, methods: Sequence[str]) -> str:
    """Returns which arm of the search a winner is a setting of; one that is not installed any more goes by its name."""
    of_winner = (method for method in methods if winner in (method, name_of_point(method, configuration.key)))
    return next(of_winner, winner)
