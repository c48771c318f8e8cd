"""Studies + records on disk -> what is left to do, and which seeds go into which trial."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from study.studies import Study
from trainables.configuration import Trial, is_light
from trainables.storage import Record, RunFolder

PACKS_PER_SLOT = 2  # one alone would let all slots wait for the slowest


@dataclass(frozen=True)
class Plan:
    """What is left to do.

    Attributes:
        trials: to run.
        done: complete records of runs that are asked for and so need no trial.
        recorded: all complete records of the studies, also of seeds that nobody asks for now.
    """

    trials: tuple[Trial, ...]
    done: tuple[Record, ...]
    recorded: tuple[Record, ...]

    @property
    def num_left(self) -> int:
        """Runs that the trials will do."""
        return sum(len(trial.seeds) for trial in self.trials)

    def num_left_of(self, study: str) -> int:
        """Runs that the trials of one study will do."""
        return sum(len(trial.seeds) for trial in self.trials if trial.study == study)


def make_plan(studies: Sequence[Study], num_seeds: int | None, folder: RunFolder) -> Plan:
    """Returns what of num_seeds seeds (default: each study's own number) from its first on has no complete record."""
    trials: list[Trial] = []
    done: list[Record] = []
    recorded: list[Record] = []
    for study in studies:
        wanted = range(study.first_seed, study.first_seed + (num_seeds or study.seeds))
        intact = folder.records(study.name, verify=True)
        complete = {(record.key, record.seed): record for record in intact if record.status == "complete"}
        recorded += complete.values()
        for arm in study.arms:
            key = arm.configuration.key
            done += [complete[key, seed] for seed in wanted if (key, seed) in complete]
            missing = tuple(seed for seed in wanted if (key, seed) not in complete)
            # light trainings share a trial, all seeds in one process; others are a trial each, so that none waits
            packs = [missing] if missing and is_light(arm.configuration) else [(seed,) for seed in missing]
            trials += [Trial(study.name, arm.name, arm.configuration, pack) for pack in packs]
    return Plan(tuple(trials), tuple(done), tuple(recorded))


def spread(plan: Plan, slots: int) -> Plan:
    """Returns the plan with packs of seeds cut so small that every slot gets PACKS_PER_SLOT, where seeds allow.

    The size follows from all runs of the command, done or not, so that the same command finds its checkpoints again.
    """
    num_runs = len(plan.done) + plan.num_left
    size = max(1, num_runs // (PACKS_PER_SLOT * max(1, slots)))
    trials = [
        replace(trial, seeds=trial.seeds[start : start + size])
        for trial in plan.trials
        for start in range(0, len(trial.seeds), size)
    ]
    return replace(plan, trials=tuple(trials))
