"""What MLflow is told of a record: each number once."""

from study.tracking.contents import LONGEST_NAME, POINTS, means_of, metric_name, parameters_of, values_of
from trainables.configuration import Configuration
from trainables.storage import Record


def _record(configuration: Configuration, *metrics: str) -> Record:
    return Record(
        study="s", arm="plain", key="k", seed=0, status="complete", configuration=configuration.flat(),
        data_fingerprint="f", seconds=1, finished_at="2026-01-01T00:00:00+00:00", device="cpu",
        history={metric: [0.5] for metric in metrics},
    )  # fmt: skip


def test_a_class_that_is_alone_in_its_role_stands_under_the_roles_name_only() -> None:
    one_of_each = Configuration().replace({"data.minority": "8", "data.majority": "0"})
    names = ("test/f1/8", "test/f1/0", "test/f1/minority", "test/f1/majority", "test/loss/all", "test-removed/auroc/8")
    record = _record(one_of_each, *names)
    expected = {"test/f1/minority", "test/f1/majority", "test/loss/all"}
    assert {name for name, _, _ in values_of(record)} == expected
    assert {name for name, _, _ in means_of([record])} == {*expected, "seeds"}  # one seed has no interval
    assert record.metrics().keys() == set(names)  # the record keeps both


def test_classes_that_share_a_role_keep_their_own_numbers() -> None:
    two_rare = Configuration().replace({"data.minority": "8,9", "data.majority": "0"})
    names = ("test/f1/8", "test/f1/9", "test/f1/0", "test/f1/minority", "test/f1/majority")
    told = {name for name, _, _ in values_of(_record(two_rare, *names))}
    assert told == set(names) - {"test/f1/0"}


def test_a_class_that_is_called_as_a_role_is_not_lost() -> None:
    configuration = Configuration().replace({"data.minority": "majority", "data.majority": "minority"})
    assert {name for name, _, _ in values_of(_record(configuration, "test/f1/minority"))} == {"test/f1/minority"}


def test_a_curve_has_its_first_and_last_epoch_and_few_between() -> None:
    record = _record(Configuration(), "test/f1/minority")
    long = record.model_copy(update={"history": {"test/f1/minority": [float(epoch) for epoch in range(1, 101)]}})
    shown = [(epoch, value) for name, value, epoch in values_of(long) if name == "test/f1/minority"]
    assert shown[0] == (1, 1.0)
    assert shown[-1] == (100, 100.0)
    assert len(shown) == len(set(shown)) == POINTS
    assert all(value == epoch for epoch, value in shown)
    assert len(values_of(record)) == 1


def test_parameters_are_what_is_not_at_its_default() -> None:
    configuration = Configuration().replace({"network.final_norm": "batch", "schedule.epochs": 7})
    assert parameters_of(_record(configuration)) == {"network.final_norm": "batch", "schedule.epochs": "7"}


def test_a_long_name_of_a_class_is_cut_and_stays_its_own() -> None:
    one, other = metric_name(f"test/f1/{'x' * 300}"), metric_name(f"test/f1/{'x' * 301}")
    assert len(one) == len(other) == LONGEST_NAME
    assert one != other
    assert metric_name("test/f1/a\nb, c") == "test/f1/a_b_ c"
