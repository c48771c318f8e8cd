"""K21 Figure 2b (H3): the batch size, with epochs and with steps held."""

from study.studies.arms import compare, leaves
from study.studies.declaration import Arm, Claim, Pair, Study

SIZES = (8, 16, 32, 64, 96, 128, 192, 256, 300)
STEPS = 1010 // 64  # per epoch, at batch 64


def figure2b() -> Study:
    """Claim: with the final BN the F1 is best at batch size 64 and declines with larger ones (K21 sec. 4.2, H3).

    Apple 1000/10, ResNet-34 frozen, 10 epochs, 10 seeds, both arms; and again with the steps of batch 64 (15 an
    epoch), so that larger batches do not mean fewer steps. Printed as a curve only.
    Cost: 34 arms x 10 seeds, with features about 10 CPU minutes. `python -m study.grid figure2b`
    """
    arms: list[Arm] = []
    pairs: dict[tuple[int, bool], Pair] = {}
    for steps_held in (False, True):
        for size in SIZES:
            if steps_held and size == 64:
                continue  # the same configuration as with epochs held
            changes = {"schedule__steps_per_epoch": STEPS} if steps_held else {}
            cell = f"batch {size}{', steps held' if steps_held else ''}"
            base = leaves("Apple", schedule__batch_size=size, **changes)
            arms_of_cell, pairs[size, steps_held] = compare(cell, base)
            arms += arms_of_cell
    best = (pairs[64, False].treated,)
    others = [size for size in SIZES if size != 64]
    return Study(
        name="figure2b",
        source="K21 Figure 2b",
        title="the batch size, with epochs and with steps held, Apple",
        arms=tuple(arms),
        pairs=tuple(sorted(pairs.values(), key=lambda pair: pair.name != "batch 64")),
        seconds_per_run=2,
        claims=(
            Claim(
                "H3",
                "batch size 64 is best with the final BN",
                "best",
                best,
                tuple(pairs[size, False].treated for size in others),
            ),
            Claim(
                "H3 steps held",
                "also when all take the same number of steps",
                "best",
                best,
                tuple(pairs[size, True].treated for size in others),
            ),
        ),
    )
