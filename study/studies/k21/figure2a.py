"""K21 Figure 2a (H2): the gain over the imbalance ratio, frozen and unfrozen."""

from study.studies.arms import compare, leaves, treated_and_control, unfrozen
from study.studies.declaration import Arm, Claim, Pair, Study

COUNTS = (*range(5, 101, 5), 150, 200, 400)  # minority images per 1000; the paper's 20 and three above


def figure2a() -> Study:
    """Claim: the gain is there up to ratio 0.1 and gone above; frozen + final BN is as good as unfrozen (K21 H2).

    Apple, 1000 healthy and 5 ... 400 unhealthy, ResNet-34, trainable head or all, 10 epochs, batch 64, 10 seeds: a
    superset of the paper's 430 runs. The test set of a seed is the same at every ratio. Printed as curves only: the
    gain levels off around 0.1.
    Cost: 92 arms x 10 seeds; the frozen half with features 10 CPU minutes, the other about 20 GPU hours.
    `python -m study.grid figure2a`
    """
    arms: list[Arm] = []
    pairs: dict[tuple[str, int], Pair] = {}
    for trainable in ("head", "all"):
        for count in COUNTS:
            base = leaves("Apple", data__train_minority=count)
            configuration = base if trainable == "head" else unfrozen(base, "all")
            arms_of_cell, pairs[trainable, count] = compare(f"{trainable}, {count} per 1000", configuration)
            arms += arms_of_cell
    few = [pairs["head", count] for count in COUNTS if count <= 100]
    at_limit = pairs["head", 100]
    many = [pairs["head", count] for count in COUNTS if count > 100]
    unfrozen_few = [pairs["all", count] for count in COUNTS if count <= 100]
    return Study(
        name="figure2a",
        source="K21 Figure 2a",
        title="the gain over the imbalance ratio, Apple, frozen and unfrozen",
        arms=tuple(arms),
        pairs=tuple(sorted(pairs.values(), key=lambda pair: pair.name != "head, 10 per 1000")),
        claims=(
            Claim("H2", "the gain is positive up to ratio 0.1", "gain", *treated_and_control(few)),
            Claim("H2 every", "at every ratio up to 0.1", "every", *treated_and_control(few)),
            Claim(
                "H2 contrast",
                "it is larger up to ratio 0.1 than above",
                "contrast",
                *treated_and_control(few),
                elsewhere=treated_and_control(many),
            ),
            Claim("H2 at 0.1", "still at ratio 0.1 itself", "gain", *treated_and_control([at_limit])),
            Claim("H2 above", "there is no gain above ratio 0.1", "no effect", *treated_and_control(many)),
            Claim(
                "H2b",
                "frozen with the final BN equals unfrozen without",
                "no effect",
                tuple(pair.treated for pair in few),
                tuple(pair.control for pair in unfrozen_few),
            ),
        ),
    )
