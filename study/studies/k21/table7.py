"""K21 Table 7 (H6): output activation x loss x first BN x final BN on 3 against 8, one hidden layer."""

from study.studies.arms import gain_claims, removal_claims, treated_and_control
from study.studies.declaration import Arm, Claim, Pair, Study
from trainables.configuration import Configuration
from trainables.evaluation import MAJORITY_F1, MINORITY_F1

# output, loss, first BN, final BN -> printed F1 of the minority and the majority; None: a control the paper leaves out
ROWS = {
    ("sigmoid", "bce", False, False): (0.17, 0.67),
    ("softmax", "bce", False, False): (0.00, 0.67),
    ("softmax", "bce", True, False): (0.60, 0.78),
    ("softmax", "cce", False, False): (0.67, 0.80),
    ("sigmoid", "bce", False, True): (0.05, 0.67),
    ("softmax", "bce", False, True): (0.85, 0.88),
    ("softmax", "bce", True, True): (0.83, 0.87),
    ("softmax", "cce", False, True): (0.88, 0.90),
    ("softmax", "cce", True, True): (0.78, 0.85),
    ("softmax", "cce", True, False): None,
    ("sigmoid", "bce", True, False): None,
    ("sigmoid", "bce", True, True): None,
}


def table7() -> Study:
    """Claim: softmax + CCE + final BN has the highest F1 of both classes; sigmoid outputs spoil it (K21 H6).

    MNIST 3 (minority) against 8, 1000/10, dense 128, 100 epochs, batch 64. Open choices: "first BN" stands before the
    ReLU; sigmoid rows have two outputs with BCE against the one-hot target; softmax + BCE is the BCE of each softmax
    output; AdamW 1e-3; three controls that the paper does not print.
    Cost: 12 arms x 10 seeds, about 5 CPU minutes. `python -m study.grid table7`
    """
    base = Configuration().replace(
        {"data.source": "mnist", "data.minority": "3", "data.majority": "8", "schedule.epochs": 100}
    )
    arms, pairs = [], []
    for (output, loss, first, final), printed in ROWS.items():
        changes = {
            "network.output": output,
            "loss.name": loss,
            "network.first_norm": "batch" if first else "none",
            "network.final_norm": "batch" if final else "none",
        }
        published = dict(zip((MINORITY_F1, MAJORITY_F1), printed, strict=True)) if printed else {}
        arms.append(Arm(_name(output, loss, first, final), base.replace(changes), published))
        if final:
            control = _name(output, loss, first, False)
            pairs.append(Pair(control, _name(output, loss, first, True), control))
    pairs.sort(key=lambda pair: pair.name != "softmax CCE")  # the paper's best row first
    primary = pairs[0]
    return Study(
        name="table7",
        source="K21 Table 7",
        title="MNIST 3 against 8, 1000/10, dense network: outputs, losses and norms",
        arms=tuple(arms),
        pairs=tuple(pairs),
        seconds_per_run=2.2,
        claims=(
            *gain_claims(*treated_and_control([primary])),
            Claim("H4", "so it does with a simple dense network", "gain", *treated_and_control([primary])),
            Claim(
                "H6",
                "with sigmoid outputs it has no effect",
                "no effect",
                ("sigmoid BCE + final BN",),
                ("sigmoid BCE",),
            ),
            Claim("H0 best", "softmax + CCE + final BN is the best of all arms", "best", (primary.treated,)),
            *removal_claims(*treated_and_control([primary])),
        ),
    )


def _name(output: str, loss: str, first: bool, final: bool) -> str:
    norms = [name for name, on in (("first BN", first), ("final BN", final)) if on]
    return " + ".join([f"{output} {loss.upper()}", *norms])
