import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from study.evidence import judge
from study.evidence.groups import Group, group_records
from study.evidence.statistics import (
    equivalence_p,
    interval,
    last_above,
    paired_difference,
    t_test_p,
    widened,
    widened_for_pool,
)
from study.studies import find
from study.studies.declaration import Arm, Claim, Pair, Study
from tests.support.records import make_record, make_records
from trainables.configuration import Configuration
from trainables.evaluation import MAJORITY_F1, MINORITY_F1
from trainables.storage.record import Record


def test_interval_by_hand() -> None:
    # 1, 2, 3, 4: mean 2.5, sd 1.29099, t(0.975, 3) = 3.18245 -> half width 3.18245 * 1.29099 / 2 = 2.05427
    found = interval([1.0, 2.0, 3.0, 4.0])
    assert (found.mean, found.n) == (2.5, 4)
    assert found.half_width == pytest.approx(2.05426, abs=1e-4)


def test_undefined_values_are_left_out_and_one_value_has_no_interval() -> None:
    assert interval([1.0, math.nan, 3.0]).n == 2
    assert math.isnan(interval([1.0]).low)
    assert math.isnan(interval([]).mean)


def test_pairs_are_by_seed_and_the_sign_flip_p_is_exact() -> None:
    found = paired_difference({0: 1.0, 1: 2.0, 2: 4.0, 9: 9.0}, {2: 1.0, 1: 1.0, 0: 0.0})
    assert found.n == 3
    assert found.mean == pytest.approx(5 / 3)
    assert found.p == pytest.approx(2 / 8)  # 1, 1, 3: only +++ and --- are as far out, of 2^3 sign patterns


def test_no_difference_at_all() -> None:
    found = paired_difference({0: 1.0, 1: 1.0}, {0: 1.0, 1: 1.0})
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_intervals_over_redrawn_splits_are_wider_and_keep_their_mean() -> None:
    found = paired_difference({0: 0.5, 1: 0.7, 2: 0.6, 3: 0.9}, {0: 0.1, 1: 0.2, 2: 0.4, 3: 0.3})
    wide = widened(found, overlap=1 / 3)
    assert wide.mean == found.mean
    assert wide.half_width == pytest.approx(found.half_width * math.sqrt(1 + 4 / 3))
    assert math.isnan(wide.p)
    assert widened(found, 0.0) == found


def test_verdicts_and_tables_of_redrawn_folders_are_wide(tiny: Configuration) -> None:
    """The study of one's own images: its shares say that seeds share images, and every interval knows."""
    shares = {f"data.{part}_{role}": 0.2 for part in ("validation", "test") for role in ("majority", "minority")}
    values = {"a": (0.5, 0.7, 0.6, 0.9), "b": (0.1, 0.2, 0.4, 0.3)}

    def group(configuration: Configuration) -> Group:
        arms = tuple(Arm(name, configuration) for name in values)
        claims = (Claim("H0", "a beats b", "gain", ("a",), ("b",)),)
        records = {
            name: {
                seed: Record(study="s", arm=name, key="k", seed=seed, status="complete", device="cpu", seconds=1,
                             configuration=configuration.flat(), data_fingerprint="f",
                             finished_at="2026-01-01T00:00:00+00:00", history={MINORITY_F1: [value]})
                for seed, value in enumerate(its)
            } for name, its in values.items()
        }  # fmt: skip
        return Group(Study("s", "", "", arms, (Pair("p", "a", "b"),), claims), "as declared", records)

    fixed, redrawn = group(tiny), group(tiny.replace(shares))
    assert fixed.overlap == 0
    assert redrawn.overlap == pytest.approx(1 / 3)
    narrow, wide = (judge(its.study.claims[0], its).difference for its in (fixed, redrawn))
    assert wide.half_width == pytest.approx(narrow.half_width_over_seeds * math.sqrt(1 + 4 / 3))
    assert redrawn.interval("a", MINORITY_F1).half_width > fixed.interval("a", MINORITY_F1).half_width
    assert redrawn.gain("a", "b", MINORITY_F1).half_width == wide.half_width


VALUES = {seed: value for seed, value in enumerate((0.03, -0.01, 0.02, 0.05, 0.01, 0.04))}


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_p_of_the_t_test_is_scipys(alternative: str) -> None:
    difference = paired_difference(VALUES, dict.fromkeys(VALUES, 0.0))
    expected = stats.ttest_1samp(list(VALUES.values()), 0.01, alternative=alternative).pvalue
    assert t_test_p(difference, 0.01, alternative) == pytest.approx(expected)


def test_p_of_no_effect_is_statsmodels_two_one_sided_tests() -> None:
    difference = paired_difference(VALUES, dict.fromkeys(VALUES, 0.0))
    expected, *_ = ttost_paired(np.array(list(VALUES.values())), np.zeros(len(VALUES)), -0.05, 0.05)
    assert equivalence_p(difference, 0.05) == pytest.approx(expected)


def test_values_that_do_not_spread_have_a_p() -> None:
    ones = paired_difference({0: 1.0, 1: 1.0}, {0: 0.0, 1: 0.0})
    assert (t_test_p(ones), t_test_p(ones, 1.0), t_test_p(ones, 2.0, "greater")) == (0, 1, 1)
    assert math.isnan(t_test_p(interval([1.0])))


def test_a_pool_that_is_redrawn_widens_the_interval_and_keeps_what_it_was() -> None:
    narrow = paired_difference(VALUES, dict.fromkeys(VALUES, 0.0))
    wide = widened_for_pool(narrow, 0.3)
    assert wide.half_width == pytest.approx(narrow.half_width * math.sqrt(1 + 6 * 0.3))
    assert wide.p == narrow.p
    assert wide.half_width_over_seeds == pytest.approx(narrow.half_width)
    # Nadeau and Bengio: t = mean / (sd sqrt(1 / n + test / train))
    t = np.mean(list(VALUES.values())) / (np.std(list(VALUES.values()), ddof=1) * math.sqrt(1 / 6 + 0.3))
    assert t_test_p(wide) == pytest.approx(2 * stats.t.sf(t, 5))


@pytest.mark.parametrize(
    ("changes", "overlap"),
    [
        ({}, 300 / 1010),  # digits
        ({"data.source": "mnist", "data.minority": "3", "data.majority": "8"}, 0.0),  # an official test set
        ({"data.source": "plantvillage:Apple", "data.train_minority": 50}, 300 / 1050),
        ({"data.source": "plantvillage:Apple", "data.test_majority": 0.2}, 0.0),  # shares: `overlap` is for these
    ],
)
def test_what_two_seeds_share_of_one_pool(changes: dict[str, object], overlap: float) -> None:
    arm = Arm("a", Configuration().replace(changes))
    study = Study("s", "", "", (arm,), (), ())
    assert Group(study, "", {"a": {0: make_record("a", 0, arm.configuration)}}).pool_overlap(["a"]) == pytest.approx(
        overlap
    )
    assert Group(study, "", {}).pool_overlap(["a"]) == 0


def test_a_claim_is_corrected_for_the_pool_of_its_own_arms() -> None:
    """`mechanism` has digits, which every seed redraws, and MNIST, whose official test set it does not."""
    (study,) = find(["mechanism"])
    records = make_records(study, range(6), lambda arm, seed: {MINORITY_F1: 0.1 * seed, MAJORITY_F1: 0.5})
    (group,) = group_records(study, records)
    corrected = {claim.id: judge(claim, group).difference.half_width_over_seeds for claim in study.claims}
    assert math.isnan(corrected["scale (MNIST)"])
    assert not math.isnan(corrected["scale (digits)"])
    assert not math.isnan(corrected["scale (Apple)"])


def test_the_last_of_several_cells_above_a_bound_and_how_sure_that_is() -> None:
    rng = np.random.default_rng(3)
    means = (0.4, 0.3, 0.2, 0.08, 0.02, 0.3)  # the last one comes after the break
    cells = [dict(enumerate(mean + 0.05 * rng.normal(size=10))) for mean in means]
    last, low, high = last_above(cells, 0.05)
    assert (last, high) == (4, 4)
    assert low == 3
    assert last_above(cells, 0.5) == (0, 0, 0)
    assert last_above([{0: 1.0}, {0: 0.0}], 0.5) == (1, 0, 2)  # one seed says nothing of how sure
    alone = [{0: 1.0, 1: 1.0, 9: 0.0}, {0: 1.0, 1: 1.0}]
    assert last_above(alone, 0.5) == (2, 2, 2)  # the seeds that all have
