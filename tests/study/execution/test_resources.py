"""What a trial asks by default, and what is said where a cluster cannot give it or stands idle."""

import pytest

from study.execution import resources
from study.execution.resources import Resources
from trainables.common import ConfigurationError
from trainables.configuration import Configuration

CPU_NODE, GPU_NODE = {"CPU": 4.0}, {"CPU": 16.0, "GPU": 2.0}
DENSE = Configuration()
BACKBONE = DENSE.replace({"network.name": "resnet34", "network.weights": "imagenet", "network.trainable": "all"})
FROZEN = BACKBONE.replace({"network.trainable": "head"})


def test_a_gpu_goes_to_backbones_that_run_in_every_step() -> None:
    default = Resources(cpus=2)
    assert default.of(BACKBONE, [CPU_NODE, GPU_NODE]) == Resources(2, 1)
    assert default.of(BACKBONE, [CPU_NODE]) == Resources(2, 0)
    assert default.of(DENSE, [GPU_NODE]) == Resources(2, 0)
    assert default.of(FROZEN, [GPU_NODE]) == Resources(2, 0)  # its head trains on cached features
    changed = FROZEN.replace({"augmentation.transform": "leaves"})
    assert default.of(changed, [GPU_NODE]) == Resources(2, 1)  # features cannot stand for images that change
    assert Resources(1, 0.25).of(DENSE, [CPU_NODE]) == Resources(1, 0.25)  # what a user says stands
    assert (default.of_features([GPU_NODE]), default.of_features([CPU_NODE])) == (1, 0)


def test_slots_count_whole_trials_per_node() -> None:
    assert resources.slots(Resources(1, 0), [CPU_NODE, GPU_NODE]) == 20
    assert resources.slots(Resources(3, 0), [CPU_NODE, GPU_NODE]) == 1 + 5
    assert resources.slots(Resources(1, 0.5), [CPU_NODE, GPU_NODE]) == 4
    assert resources.slots(Resources(1, 4), [GPU_NODE, GPU_NODE]) == 0


def test_what_can_never_be_met_is_refused_and_what_may_come_is_said() -> None:
    with pytest.raises(ConfigurationError, match="a trial asks 8 CPU and 0 GPU; the largest node has 4 CPU, 0 GPU"):
        resources.check_requests([Resources(8, 0)], [CPU_NODE], can_grow=False)
    (line,) = resources.check_requests([Resources(1, 4)], [CPU_NODE, GPU_NODE], can_grow=True)
    assert line == "a trial asks 1 CPU and 4 GPU; the largest node has 16 CPU, 2 GPU: waiting for a larger one to join"


def test_an_idle_cluster_is_said() -> None:
    few, gpus = resources.check_requests([Resources(1, 0)] * 3, [CPU_NODE, GPU_NODE], can_grow=True)
    assert few.startswith("3 trials for a cluster with room for 20: the rest stands idle")
    assert gpus.startswith("the cluster's GPUs stand idle")
    assert resources.check_requests([Resources(1, 1)] * 9, [GPU_NODE], can_grow=True) == []
    assert resources.check_requests([Resources(1, 0)], [CPU_NODE], can_grow=False) == []  # one's own machine may idle


def test_a_trial_that_asks_for_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="--cpus-per-trial: got 0"):
        Resources(0)
    assert Resources(0, 0.5).gpus == 0.5
