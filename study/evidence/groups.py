"""Records -> groups that may be compared: the arms of a study under one set of changes to its declaration.

`--set` and the options like it change every arm in the same way. A record does not name these changes; they are its
configuration's differences from the declared arm; a set of them that is a tool's defaults (`--defaults`) goes by that
name, and may differ from arm to arm. Records with the same changes form a group; the group without
changes is the study as declared. Example: `study.grid digits --set epochs=5` makes the group "schedule.epochs=5".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from study.evidence.search_results import SearchResult
from study.evidence.statistics import Interval, PairedDifference, interval, paired_difference, widened
from study.studies import Study, profile_of
from trainables.configuration import Configuration, Data
from trainables.storage import Record

AS_DECLARED = "as declared"


@dataclass
class Group:
    """The complete records of one variant of a study: arm -> seed -> record."""

    study: Study
    label: str
    records: dict[str, dict[int, Record]] = field(default_factory=dict)
    changes: dict[str, object] = field(default_factory=dict)  # field -> value, neither declared nor the profile's
    search: SearchResult | None = None  # what chose the configurations of tuned arms
    profile: str = ""  # whose defaults the runs have (study/studies/profiles.py)
    title: str = ""  # what a person calls it, where the label says it by hashes
    words: dict[str, str] = field(default_factory=dict)  # field -> option with the path that a hash stands for

    @property
    def shown_label(self) -> str:
        """The title, else the label."""
        return self.title or self.label

    @property
    def overlap(self) -> float:
        """Test / train images, where every seed draws both anew from one folder; else 0. Intervals are wider for it."""
        record = next((record for runs in self.records.values() for record in runs.values()), None)
        return 0.0 if record is None else _overlap_of(record)

    def pool_overlap(self, arms: Iterable[str]) -> float:
        """Returns test / train images of arms whose seeds draw fixed numbers of both from one pool; else 0.

        MNIST has an official test set and nothing to correct; own folders, which give shares, have `overlap`. With
        fixed numbers the correction is a heuristic: it stands for how much two seeds' images are the same. Where arms
        differ, as over ratios, the largest counts.
        """
        overlaps = (_pool_overlap_of(self.configuration(arm).data) for arm in arms if arm in self.records)
        return max(overlaps, default=0.0)

    @property
    def in_words(self) -> str:
        """What sets the runs apart, for people: the title, else "with the defaults of keras, epochs 5"."""
        if self.title:
            return self.title
        parts = [f"the defaults of {self.profile}"] if self.profile else []
        parts += [change_in_words(name, value) for name, value in self.changes.items()]
        own = "the settings that its search chose" if self.search else "the study's own settings"
        return f"with {', '.join(parts) or own}"

    def configuration(self, arm: str) -> Configuration:
        """Returns the configuration of an arm's records, changes and all; the declared one where there are none."""
        if arm in self.records:
            return self.first_record(arm).typed_configuration()
        return self.study.arm(arm).configuration

    @property
    def main_arm(self) -> str:
        """The arm that the group is about: its first treated one with records; "" where there is none."""
        return next((pair.treated for pair in self.study.pairs if pair.treated in self.records), "")

    def arms_on_same_classes(self, arm: str) -> list[str]:
        """Returns the arms with records whose networks can stand in for one another: same images, same classes.

        In table1, "Apple, final BN" and "Apple, none" tell the same leaves apart, "Pepper, none" does not.
        """
        data = self.configuration(arm).data
        same = []
        for other in self.records:
            other_data = self.configuration(other).data
            if (other_data.source, other_data.classes) == (data.source, data.classes):
                same.append(other)
        return same

    def first_record(self, arm: str) -> Record:
        """Returns a record of an arm that has some; all of an arm have one configuration."""
        return next(iter(self.records[arm].values()))

    def values(self, arm: str, metric: str) -> dict[int, float]:
        """Returns {seed: last epoch's value} of an arm; empty where it has no records."""
        return {seed: record.metric(metric) for seed, record in sorted(self.records.get(arm, {}).items())}

    def interval(self, arm: str, metric: str) -> Interval:
        """Returns the mean of a metric over an arm's seeds with its 95 % interval; n = 0 where it has no records."""
        return self.interval_over(self.values(arm, metric).values())

    def gain(self, treated: str, control: str, metric: str) -> PairedDifference:
        """Returns treated - control of a metric over the seeds that both arms have, with its 95 % interval."""
        return self.gain_over(self.values(treated, metric), self.values(control, metric))

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the configurations that have runs."""
        return frozenset(record.key for records in self.records.values() for record in records.values())

    def interval_over(self, values: Iterable[float]) -> Interval:
        """Returns the mean and 95 % interval of values, one a seed, that are not in the records.

        Such as F1 through onnxruntime. `interval` is for what is in the records.
        """
        return widened(interval(list(values)), self.overlap)

    def gain_over(self, treated: Mapping[int, float], control: Mapping[int, float]) -> PairedDifference:
        """Returns treated - control of {seed: value} that are not in the records; `gain` is for what is there."""
        return widened(paired_difference(treated, control), self.overlap)


def group_records(study: Study, records: Iterable[Record]) -> list[Group]:
    """Returns the groups of a study's complete records, the declared one first; undeclared arms are left out."""
    declared = {arm.name: arm.configuration.flat() for arm in study.arms}
    arm_of_key = {arm.configuration.key: arm.name for arm in study.arms}  # another arm, changed, may have become it
    groups: dict[str, Group] = {}
    for record in records:
        arm = arm_of_key.get(record.key, record.arm)
        if record.status != "complete" or arm not in declared:
            continue
        record = record.model_copy(update={"arm": arm})
        flat = {**Configuration().flat(), **record.configuration}  # a record may lack fields that are newer than it
        changes = {name: flat[name] for name, value in declared[arm].items() if flat[name] != value}
        profile, besides = profile_of(changes, study, arm)
        label = label_of(besides, profile)
        group = groups.setdefault(label, Group(study, label, changes=besides, profile=profile))
        group.records.setdefault(arm, {})[record.seed] = record
    return sorted_groups(groups.values())


def sorted_groups(groups: Iterable[Group]) -> list[Group]:
    """Returns groups by label, the declared one first."""
    return sorted(groups, key=lambda group: (group.label != AS_DECLARED, group.label))


def label_of(changes: Mapping[str, object], profile: str = "") -> str:
    """Returns "keras defaults, field=value, ..." of what is not as declared."""
    parts = [f"{profile} defaults"] if profile else []
    return ", ".join([*parts, *(f"{name}={as_text(value)}" for name, value in changes.items())]) or AS_DECLARED


def interval_of_records(records: Sequence[Record], metric: str) -> Interval:
    """Returns the mean of a metric over the seeds of one configuration with its 95 % interval, at least one record."""
    return widened(interval([record.metric(metric) for record in records]), _overlap_of(records[0]))


def _overlap_of(record: Record) -> float:
    """Returns test / train images of a run whose test images are a share of what there is; else 0."""
    data = record.typed_configuration().data
    test, validation = data.test_majority, data.validation_majority
    if not isinstance(test, float) or data.split == "given":  # the same test images for every seed
        return 0.0
    return test / (1 - test - (validation if isinstance(validation, float) else 0))


def _pool_overlap_of(data: Data) -> float:
    if data.source == "mnist":
        return 0.0
    roles = data.roles
    train, test = (
        [getattr(data, f"{part}_{role}") for role in roles]  # images of each class
        for part in ("train", "test")
    )
    are_numbers = all(isinstance(count, int) for count in train + test)
    return sum(test) / sum(train) if are_numbers else 0.0


def as_text(value: object) -> str:
    """Returns a field's value as `--set` takes it."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def change_in_words(name: str, value: object) -> str:
    """Returns "learning rate 0.003"; what stands for a file or a folder by its content is called one."""
    text = as_text(value)
    if text.startswith("sha256:"):
        return "weights of a file"
    subject = "network" if name == "network.name" else name.split(".")[1].replace("_", " ")
    return f"images of {text}" if name == "data.source" else f"{subject} {text}"


def record_of_numbers(
    study: Study,
    arm: str,
    configuration: Configuration,
    seed: int,
    history: Mapping[str, Sequence[float]],
    seconds: float = 0,
    finished_at: str = "",
) -> Record:
    """Returns the record of a run of which only its numbers are known: a paper's, or a row of a committed table."""
    return Record(
        study=study.name,
        arm=arm,
        key=configuration.key,
        seed=seed,
        status="complete",
        configuration=configuration.flat(),
        data_fingerprint="",
        history={metric: list(values) for metric, values in history.items()},
        seconds=seconds,
        finished_at=finished_at,
        device="",
    )
