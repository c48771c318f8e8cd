"""Studies + records on disk -> what is left to do, and which seeds go into which trial."""

from collections.abc import Sequence
from dataclasses import dataclass

from study.declaration import Study
from trainables.records import Record, RunFolder
from trainables.run import Trial


@dataclass(frozen=True)
class Plan:
    """The trials to run, and the complete records that make others unnecessary."""

    trials: tuple[Trial, ...]
    done: tuple[Record, ...]

    @property
    def num_left(self) -> int:
        """Runs that the trials will do."""
        return sum(len(trial.seeds) for trial in self.trials)


def make_plan(studies: Sequence[Study], num_seeds: int | None, folder: RunFolder) -> Plan:
    """Returns what of seeds 0 ... num_seeds - 1 (default: each study's own number) has no complete record yet.

    Seeds of a configuration share a trial: one process trains them in lockstep.
    """
    trials, done = [], []
    for study in studies:
        wanted = range(num_seeds or study.seeds)
        complete = {(r.key, r.seed): r for r in folder.records(study.name) if r.status == "complete"}
        for arm in study.arms:
            key = arm.configuration.key
            done += [complete[key, seed] for seed in wanted if (key, seed) in complete]
            missing = tuple(seed for seed in wanted if (key, seed) not in complete)
            if missing:
                trials.append(Trial(study.name, arm.name, arm.configuration, missing))
    return Plan(tuple(trials), tuple(done))
