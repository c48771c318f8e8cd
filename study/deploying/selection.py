"""Which runs of a group are exported together?"""

from dataclasses import dataclass

from export.runs import best_arm, best_run
from study.answers import Answer
from study.commandline import ExportRequest
from study.evidence import Group
from trainables.storage import Record


@dataclass(frozen=True)
class Selection:
    """Arms of a group that are exported together: they tell the same classes of the same images apart.

    Attributes:
        group: the runs.
        arms: their names.
        answer: which of the group's arms is chosen, of somebody's own images; None for other studies.
    """

    group: Group
    arms: tuple[str, ...]
    answer: Answer | None

    @property
    def records(self) -> list[Record]:
        """Every run of the arms."""
        records_of = self.group.records
        return [records_of[arm][seed] for arm in self.arms for seed in sorted(records_of[arm])]

    @property
    def best_records(self) -> list[Record]:
        """The run of each arm with the best validation F1; of the answer's arm as the answer says that it decides."""
        records_of, answer = self.group.records, self.answer
        return [
            records_of[arm][answer.best_seed]
            if answer and arm == answer.chosen.arm
            else best_run(records_of[arm].values())
            for arm in self.arms
        ]

    @property
    def source(self) -> str:
        """The data set of the arms."""
        return self.group.configuration(self.arms[0]).data.source


def select(group: Group, request: ExportRequest, answer: Answer | None) -> list[Selection]:
    """Returns the arms of a group that a request asks for, those together that are exported together."""
    return [Selection(group, tuple(arms), answer) for arms in _arms(group, request, answer)]


def _arms(group: Group, request: ExportRequest, answer: Answer | None) -> list[list[str]]:
    """Returns the arms to export together: of the one key, else the first declared pair with records of every data set.

    With --all every arm, those on the same images and classes together; with --best also the arm that validation likes
    best among those.
    """
    source_of = {arm: group.configuration(arm).data.source for arm in group.records}
    arms = [arm for arm, source in source_of.items() if request.source in (None, source)]
    if request.key:
        return [[arm] for arm in arms if group.first_record(arm).key == request.key]
    if request.every_arm:
        return [list(alike) for alike in dict.fromkeys(tuple(group.arms_on_same_classes(arm)) for arm in arms)]
    pair_of_source: dict[str, list[str]] = {}
    for pair in group.study.pairs:
        if pair.treated in arms and pair.control in arms:
            pair_of_source.setdefault(source_of[pair.treated], [pair.treated, pair.control])
    if not request.best:
        return list(pair_of_source.values())
    selections = []
    for treated, control in pair_of_source.values():
        alike = group.arms_on_same_classes(treated)
        best = best_arm(record for arm in alike for record in group.records[arm].values())
        if answer is not None and answer.chosen.arm in alike:
            best = answer.chosen.arm
        selections.append(list(dict.fromkeys((best, treated, control))))
    return selections
