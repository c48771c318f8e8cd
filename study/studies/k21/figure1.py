"""K21 Figure 1 and Table 3: the softmax output of every test image, with and without the final BN."""

from study.studies.arms import compare, leaves
from study.studies.declaration import Claim, Study

# Table 3: softmax of "unhealthy" for five unhealthy images, without and with the final BN
TABLE3 = ((0.1082, 0.5108), (0.1464, 0.6369), (0.1999, 0.6082), (0.2725, 0.6866), (0.3338, 0.7032))


def figure1() -> Study:
    """Claim: with the final BN the network is less confident and right more often (K21 Figure 1, Table 3).

    Apple 1000/10, ResNet-34 frozen, 10 epochs, batch 64, one seed; the 150 + 150 test images of that seed. Printed:
    five unhealthy images, softmax of unhealthy 0.11-0.33 without and 0.51-0.70 with.
    Cost: 2 runs, with features under a minute. `python -m study.grid figure1`
    """
    arms, pair = compare("", leaves("Apple"))
    treated, control = (pair.treated,), (pair.control,)
    return Study(
        name="figure1",
        source="K21 Figure 1, Table 3",
        title="softmax outputs of every test image, Apple",
        arms=tuple(arms),
        pairs=(pair,),
        seconds_per_run=1.5,
        claims=(Claim("C1", "it is less confident", "gain", control, treated, "test/confidence/all"),),
        seeds=1,
        samples=TABLE3,
    )
