"""Which silent default decides: from ours to the tool's one value at a time, and back from the tool's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from study.studies.arms import FINAL, FINAL_NORM, NONE, leaves
from study.studies.declaration import Arm, Claim, Pair, Study
from study.studies.profiles import DECLARED, PROFILES
from trainables.configuration import Configuration
from trainables.evaluation import BOTH_F1

MNIST = {"data.source": "mnist", "data.minority": "3", "data.majority": "8"}
# what is varied -> the data's configuration as its study declares it, and the profile
DATA: Mapping[str, tuple[Configuration, str]] = {
    "MNIST dense": (Configuration().replace({**MNIST, "schedule.epochs": 100}), "keras"),
    "MNIST CNN": (Configuration().replace({**MNIST, "network.name": "cnn", "schedule.epochs": 20}), "keras"),
    "digits": (Configuration(), "keras"),
    "Apple": (leaves("Apple"), "fastai"),
}
# profile -> what a default is called -> the fields that it is made of
FIELDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "keras": {
        "momentum 0.01": ("network.norm_momentum",),
        "eps 1e-3": ("network.norm_eps",),
        "Glorot": ("network.initialisation",),
        "Adam eps 1e-7": ("optimiser.name", "optimiser.eps"),
        "last batch kept": ("schedule.last_batch",),
        "Flatten": ("network.pool",),
    },
    "fastai": {
        "momentum 0.01": ("network.final_norm_momentum",),
        "Kaiming": ("network.initialisation",),
        "two poolings": ("network.pool",),
        "rate 3e-3": ("optimiser.learning_rate",),
        "beta2 0.99": ("optimiser.beta2",),
        "decay of all": ("optimiser.weight_decay", "optimiser.decays"),
    },
}
OF_A_NORM = {"network.norm_momentum", "network.norm_eps", "network.final_norm_momentum"}  # nothing to a plain network
DIRECTIONS = {  # data -> does the tool lift (+) or lower (-) F1 without and with a final BN? From tables 7, 5 and 4
    "MNIST dense": {NONE: "lifts", FINAL: "lifts"},
    "MNIST CNN": {NONE: "lifts", FINAL: "lifts"},
    "Apple": {NONE: "lowers", FINAL: "lifts"},
}


@dataclass(frozen=True)
class Step:
    """One default changed: two arms that differ in it alone.

    Attributes:
        data: where.
        default: what it is called.
        start: DECLARED: the tool's value is added to ours; else the profile that ours is put back into.
        method: "none" or "final BN".
        tools, ours: the arm with the tool's value of the default, and the one with ours.
    """

    data: str
    default: str
    start: str
    method: str
    tools: str
    ours: str


def defaults() -> Study:
    """Claim: none of the papers'. Which values that Keras and fastai set silently move the F1, and how far?

    MNIST 3 against 8 (dense, 100 epochs; CNN, 20) and the digits under Keras' values, frozen Apple under fastai's: as
    declared, with every value of the tool alone, with all of them, and with all but one; without and with a final BN.
    What only a norm has is not varied where there is none. Seeds 100 to 109: seeds 0 to 9 of tables 4, 5 and 7 said
    which way the tool's values go, so the claims.
    Cost: 90 arms x 10 seeds, about 80 CPU minutes, of which MNIST CNN takes 60. `python -m study.grid defaults`
    """
    arms: list[Arm] = []
    pairs: list[Pair] = []
    for data in DATA:
        for variant, (configuration, has_plain) in _variants(data).items():
            if has_plain:
                arms.append(Arm(_name(data, variant, NONE), configuration, cell=data, method=NONE))
            treated = configuration.replace(FINAL_NORM)
            arms.append(Arm(_name(data, variant, FINAL), treated, cell=data, method=FINAL))
            pairs.append(Pair(f"{data}, {variant}", arms[-1].name, _plain_arm(data, variant)))
    return Study(
        name="defaults",
        source="this project",
        title="which silent default of Keras and fastai decides",
        arms=tuple(arms),
        pairs=tuple(pairs),
        claims=tuple(_claim(step) for step in steps() if step.start == DECLARED and step.data in DIRECTIONS),
        first_seed=100,
        seconds_per_run=5,
    )


def steps() -> Iterator[Step]:
    """Yields every default of every data set, without and with a final BN, added to ours and taken from the tool's."""
    for data, (_, profile) in DATA.items():
        for default, fields in _defaults(data).items():
            for method in (NONE, FINAL):
                if method == NONE and OF_A_NORM.issuperset(fields):
                    continue
                added = (_name(data, variant, method) for variant in (_added(default), DECLARED))
                yield Step(data, default, DECLARED, method, *added)
                put_back = (_name(data, variant, method) for variant in (profile, _put_back(profile, default)))
                yield Step(data, default, profile, method, *put_back)


def _variants(data: str) -> dict[str, tuple[Configuration, bool]]:
    """Returns {variant: configuration without final norm, whether a plain network of it is one of its own}."""
    declared, profile = DATA[data]
    tools = PROFILES[profile].values(declared)
    variants = {DECLARED: (declared, True), profile: (declared.replace(tools), True)}
    put_back = {}
    for default, fields in _defaults(data).items():
        alone = {name: tools[name] for name in fields}
        others = {name: value for name, value in tools.items() if name not in fields}
        has_plain = not OF_A_NORM.issuperset(fields)
        variants[_added(default)] = declared.replace(alone), has_plain
        put_back[_put_back(profile, default)] = declared.replace(others), has_plain
    return variants | put_back


def _defaults(data: str) -> dict[str, tuple[str, ...]]:
    """Returns {what a default of the tool is called: its fields} of those that it has for a data set's network."""
    declared, profile = DATA[data]
    tools = PROFILES[profile].values(declared)
    return {default: fields for default, fields in FIELDS[profile].items() if tools.keys() >= set(fields)}


def _claim(step: Step) -> Claim:
    """Returns that a default, taken alone, moves F1 the way that the whole profile does."""
    verb = DIRECTIONS[step.data][step.method]
    higher, lower = (step.tools, step.ours) if verb == "lifts" else (step.ours, step.tools)
    network = "the plain network" if step.method == NONE else "the network with a final BN"
    sentence = f"alone it {verb} the mean F1 of {network}, as the tool's values together do"
    name = f"{step.default}, {step.method} ({step.data})"
    return Claim(name, sentence, "gain", (higher,), (lower,), BOTH_F1)


def _plain_arm(data: str, variant: str) -> str:
    """Returns the arm without a final norm that a variant's is compared to."""
    if _variants(data)[variant][1]:
        return _name(data, variant, NONE)
    return _name(data, DECLARED if variant.startswith("+") else DATA[data][1], NONE)


def _name(data: str, variant: str, method: str) -> str:
    return f"{data}, {variant}, {method}"


def _added(default: str) -> str:
    return f"+ {default}"


def _put_back(profile: str, default: str) -> str:
    return f"{profile} but {default}"
