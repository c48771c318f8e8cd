"""K21 and K20 Table 1: none, weighted loss and final BN on three plants."""

from study.studies.arms import FINAL, FINAL_NORM, NONE, WEIGHTED, arm_in, gain_claims, leaves
from study.studies.declaration import Claim, Pair, Study
from trainables.evaluation import MAJORITY_F1, MINORITY_F1

# plant -> (unhealthy, healthy) of none, weighted loss, final BN
PUBLISHED = {
    "Apple": ((0.2942, 0.7075), (0.7947, 0.8596), (0.9562, 0.9577)),
    "Pepper": ((0.7237, 0.8229), (0.8939, 0.9121), (0.9575, 0.9558)),
    "Tomato": ((0.5688, 0.7708), (0.8671, 0.9121), (0.9786, 0.9780)),
}
METHODS = {NONE: {}, "weighted loss": WEIGHTED, FINAL: FINAL_NORM}
SMOOTHED = "label smoothing"


def table1() -> Study:
    """Claim: the final BN lifts the minority F1 further than a weighted loss does (K21 sec. 3.2, Table 1).

    Apple, Pepper, Tomato 1000/10, VGG-19 frozen (torchvision's vgg19), 10 epochs, batch 64, 10 seeds. Printed F1
    unhealthy, Apple: 0.2942, 0.7947, 0.9562; "total improvement" is final BN minus weighted loss. One arm is ours:
    label smoothing 0.1, for the remark that it does not help (K21 sec. 1).
    Cost: 12 arms x 10 seeds, with features about 40 CPU minutes. `python -m study.grid table1`
    """
    arms, pairs, claims = [], [], []
    for plant, printed in PUBLISHED.items():
        base = leaves(plant, network__name="vgg19")
        for (method, changes), (unhealthy, healthy) in zip(METHODS.items(), printed, strict=True):
            numbers = {MINORITY_F1: unhealthy, MAJORITY_F1: healthy}
            arms.append(arm_in(plant, method, base.replace(changes), numbers))
        arms.append(arm_in(plant, SMOOTHED, base.replace({"loss.label_smoothing": 0.1})))
        none, weighted, final, smoothed = ((arm.name,) for arm in arms[-4:])
        pairs.append(Pair(plant, final[0], none[0]))
        claims += [
            *gain_claims(final, none, plant),
            Claim(f"H0 {plant} weighted", "it lifts it more than a weighted loss does", "gain", final, weighted),
            Claim(f"C3 {plant}", "label smoothing does not help", "no gain", smoothed, none),
        ]
    return Study(
        name="table1",
        source="K21 and K20 Table 1",
        title="none, weighted loss, final BN on three plants, frozen backbone",
        arms=tuple(arms),
        pairs=tuple(pairs),
        seconds_per_run=5,
        claims=tuple(claims),
    )
