"""Not a row of the papers: the study that a search makes of its winners."""

from collections.abc import Mapping

from study.studies.arms import FINAL, NONE
from study.studies.declaration import Arm, Claim, Pair, Study
from study.studies.search_space import SEARCH_ARMS
from trainables.configuration import Configuration

TITLE = "every arm tuned alike on validation, compared on test"


def tuned_study(name: str, winners: Mapping[str, Configuration]) -> Study:
    """Returns the study of tuned arms: the final BN against every arm without one, on 10 fresh seeds.

    `winners` is {arm: configuration}; of a search with several objectives, {"<arm>, <start of key>": configuration}.
    """
    order = list(SEARCH_ARMS)
    names = sorted(winners, key=lambda name: (order.index(name.split(", ")[0]), name))
    arms = tuple(Arm(name, winners[name]) for name in names)
    rivals = [arm.name for arm in arms if arm.configuration.network.final_norm == "none"]
    both = FINAL in winners
    claims = [
        Claim(f"tuned: {rival}", f"the tuned final BN beats the tuned arm {rival!r}", "gain", (FINAL,), (rival,))
        for rival in rivals
    ]
    if NONE in winners:
        h1 = "removing it at inference keeps at least half of the gain"
        claims.append(Claim("H1", h1, "removal", (FINAL,), (NONE,)))
    pairs = tuple(Pair(rival, FINAL, rival) for rival in rivals)
    return Study(name, "this project", TITLE, arms, pairs if both else (), tuple(claims) if both else ())
