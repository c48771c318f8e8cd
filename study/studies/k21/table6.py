"""K21 Table 6 (H5): several majorities and minorities of MNIST."""

from study.studies.arms import FINAL, NONE, compare, treated_and_control
from study.studies.declaration import Claim, Study
from trainables.configuration import Configuration

# setting -> minority, majority, printed F1 per class without and with the final BN
SETTINGS = {
    "1": ("3", "8", {"3": 0.19, "8": 0.69}, {"3": 0.55, "8": 0.76}),
    "2": ("2", "8", {"2": 0.25, "8": 0.70}, {"2": 0.50, "8": 0.74}),
    "3": ("3", "5", {"3": 0.24, "5": 0.70}, {"3": 0.54, "5": 0.76}),
    "4": ("3", "5,8", {"3": 0.06, "5": 0.77, "8": 0.78}, {"3": 0.00, "5": 0.77, "8": 0.78}),
    "5": ("3,5", "8", {"3": 0.28, "5": 0.32, "8": 0.56}, {"3": 0.58, "5": 0.59, "8": 0.69}),
}


def table6() -> Study:
    """Claim: the gain needs a single majority; with two majorities there is none (K21 sec. 4.3, H5).

    MNIST settings 1-5, 10 minority images per 1000 of each majority, ResNet-34 from scratch at 28 pixels and three
    channels, 10 epochs, batch 64, 10 seeds, AdamW 1e-3. Printed F1 of 3 against 8: 0.19 to 0.55; with two majorities
    0.06 to 0.00.
    Cost: 10 arms x 10 seeds, about 80 s a run. `python -m study.grid table6`
    """
    arms, pairs = [], {}
    for setting, (minority, majority, without, final) in SETTINGS.items():
        base = Configuration().replace(
            {
                "data.source": "mnist",
                "data.minority": minority,
                "data.majority": majority,
                "network.name": "resnet34",
                "schedule.epochs": 10,
            }
        )
        printed = {NONE: _metrics(minority, majority, without), FINAL: _metrics(minority, majority, final)}
        arms_of_setting, pairs[setting] = compare(f"setting {setting}", base, printed)
        arms += arms_of_setting
    one_majority = [pairs[setting] for setting in "1235"]
    two_majorities = pairs["4"]
    return Study(
        name="table6",
        source="K21 Table 6",
        title="several majorities and minorities of MNIST, ResNet-34 from scratch",
        arms=tuple(arms),
        pairs=tuple(pairs.values()),
        seconds_per_run=80,
        claims=(
            Claim("H5", "the gain is there with one majority", "gain", *treated_and_control(one_majority)),
            Claim(
                "H5 two majorities",
                "there is none with two majorities",
                "no effect",
                *treated_and_control([two_majorities]),
            ),
        ),
    )


def _metrics(minority: str, majority: str, printed: dict[str, float]) -> dict[str, float]:
    """Printed numbers per class, and their means over the roles."""
    numbers = {f"test/f1/{name}": value for name, value in printed.items()}
    for role, names in (("minority", minority.split(",")), ("majority", majority.split(","))):
        numbers[f"test/f1/{role}"] = sum(printed[name] for name in names) / len(names)
    return numbers
