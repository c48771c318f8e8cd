"""Y19 Table 2: standard and weighted batch normalization under a weighted loss."""

from study.studies.declaration import Arm, Claim, Pair, Study
from trainables.configuration import Configuration

ACCURACY = "test/accuracy/all"
# problem -> minority, majority, training counts of both, printed accuracies per class and overall of the three methods
PROBLEMS = {
    "i": ("1", "0", 45, 5923, ({"0": 1.0, "1": 0.674, "all": 0.825}, {"0": 1.0, "1": 0.633, "all": 0.8028},
                               {"0": 0.998, "1": 0.875, "all": 0.932})),
    "ii": ("1", "8", 45, 5851, ({"1": 0.71, "8": 1.0, "all": 0.844}, {"1": 0.75, "8": 1.0, "all": 0.879},
                                {"1": 0.83, "8": 1.0, "all": 0.927})),
    "iii": ("4", "7", 39, 6265, ({"4": 0.348, "7": 1.0, "all": 0.682}, {"4": 0.281, "7": 1.0, "all": 0.649},
                                 {"4": 0.493, "7": 0.994, "all": 0.749})),
}  # fmt: skip
METHODS = {"LF+sBN": ("none", "standard"), "WLF+sBN": ("inverse", "standard"), "WLF+pBN": ("inverse", "weighted")}


def problem(name: str) -> Configuration:
    """Returns a problem of Y19 sec. 4: dense 200, Xavier, Adam 1e-3, batch 100, 50 epochs; no norm or weights yet.

    All official test images of the two digits; no validation set, so nothing is selected.
    """
    minority, majority, few, many, _ = PROBLEMS[name]
    return Configuration().replace(
        {
            "data.source": "mnist",
            "data.minority": minority,
            "data.majority": majority,
            "data.train_minority": few,
            "data.train_majority": many,
            "data.validation_minority": 0,
            "data.validation_majority": 0,
            "data.test_minority": "all",
            "data.test_majority": "all",
            "network.hidden": 200,
            "network.initialisation": "xavier",
            "optimiser.name": "adam",
            "schedule.epochs": 50,
            "schedule.batch_size": 100,
        }
    )


def with_norms(configuration: Configuration, kind: str) -> Configuration:
    """Returns it with Y19's layer on the hidden and the output units."""
    return configuration.replace({"network.first_norm": kind, "network.final_norm": kind})


def weighted_bn() -> Study:
    """Claim: under a weighted loss, BN statistics with the same weights are best; standard ones hurt (Y19 Table 2).

    MNIST problems (i) 0/1, (ii) 8/1, (iii) 7/4 with 5923/45, 5851/45, 6265/39 training images; LF+sBN, WLF+sBN,
    WLF+pBN; 10 seeds. Printed overall accuracy (i): 0.825, 0.803, 0.932. Open choices: 50 epochs with the curve kept;
    w = N / N_k; statistics averaged over one pass at the end of each epoch. Accuracy per class is recall.
    Cost: 9 arms x 10 seeds, about 20 CPU minutes. `python -m study.grid weighted-bn`
    """
    arms, pairs, claims = [], [], []
    for name, (*_, printed) in PROBLEMS.items():
        for (method, (weights, norm)), numbers in zip(METHODS.items(), printed, strict=True):
            configuration = with_norms(problem(name).replace({"loss.class_weights": weights}), norm)
            published = {f"test/{'accuracy' if of == 'all' else 'recall'}/{of}": value for of, value in numbers.items()}
            arms.append(Arm(f"({name}) {method}", configuration, published, cell=f"({name})", method=method))
        loss, weighted, proposed = ((f"({name}) {method}",) for method in METHODS)
        pairs.append(Pair(f"({name}) WLF", proposed[0], weighted[0]))
        claims.append(
            Claim(
                f"Y1 ({name})",
                "weighted BN beats standard BN under a weighted loss",
                "gain",
                proposed,
                weighted,
                ACCURACY,
            )
        )
        if name != "ii":
            claims.append(
                Claim(f"Y2 ({name})", "a weighted loss with standard BN hurts", "gain", loss, weighted, ACCURACY)
            )
    return Study(
        name="weighted-bn",
        source="Y19 Table 2",
        title="batch norm statistics with the weights of the loss, MNIST",
        arms=tuple(arms),
        pairs=tuple(pairs),
        seconds_per_run=14,
        claims=tuple(claims),
    )
