"""How sure a share of photos is, and what would make it surer. Intervals lie in [0, 1].

Two things are uncertain: what another split and training would give (the spread over seeds, `Group.interval_over`) and
what other photos would (the binomial interval of the distinct photos that were looked at: a photo that five seeds test
is one photo). The interval is the wider of the two at either end, so that seeds that agree by chance on a few photos do
not look sure.

Recall and precision are shares of photos. So is J = found / (found + missed + false alarms), of which F1 = 2 J / (1 +
J) is a growing function (Hand, Christen, Kirielle 2021, Machine Learning 110, "F*"): its bounds are those of J, turned.
"""

import math
from dataclasses import dataclass, replace

from study.evidence import CONFIDENCE, Interval

TARGET_WIDTH = 0.1  # of an interval that is narrow enough to plan with
USUAL_SEEDS = 10  # of a study; fewer are planned for as so many
MOST_TIMES = 1000.0  # as many photos: beyond it no number is named


@dataclass(frozen=True)
class MeasuredShare:
    """The mean over seeds of a share of photos with its two uncertainties; `interval` joins them.

    Attributes:
        over_seeds: the interval over seeds, widened for redrawn images; its ends may lie outside [0, 1].
        num_photos: distinct photos that the share is of.
        overlap: test / train images where every seed draws both anew, else 0.
        is_f1: whether it is an F1, made of a share as above.
    """

    over_seeds: Interval
    num_photos: float
    overlap: float
    is_f1: bool = False

    @property
    def interval(self) -> Interval:
        """The mean with the wider of both intervals, within [0, 1]; low and high are NaN where there is no mean."""
        mean = self.over_seeds.mean
        if math.isnan(mean):
            return self.over_seeds
        low, high = self._of_photos()
        if not math.isnan(self.over_seeds.low):
            low, high = min(low, self.over_seeds.low), max(high, self.over_seeds.high)
        return replace(self.over_seeds, low=max(0.0, low), high=min(1.0, high))

    def with_seeds(self, number: int) -> "MeasuredShare":
        """Returns what is expected of more seeds: the same mean and spread over that many.

        The interval over seeds is (Nadeau, Bengio 2003) t(n - 1) sqrt(1 / n + overlap) times the spread.
        """
        seeds = self.over_seeds
        if seeds.n < 2 or number < 2:
            return self
        half = seeds.half_width * _times_spread(number, self.overlap) / _times_spread(seeds.n, self.overlap)
        return replace(self, over_seeds=replace(seeds, low=seeds.mean - half, high=seeds.mean + half, n=number))

    def times_photos_for(self, width: float) -> float:
        """Returns how many times as many photos give an interval of that width, 1 at least; infinite beyond MOST_TIMES.

        Spreads shrink with the root of the photos; the seeds stay as they are.
        """

        def excess(times: float) -> float:
            half = self.over_seeds.half_width / math.sqrt(times)
            mean = self.over_seeds.mean
            seeds = replace(self.over_seeds, low=mean - half, high=mean + half)
            more = replace(self, over_seeds=seeds, num_photos=self.num_photos * times).interval
            return more.high - more.low - width

        if math.isnan(self.over_seeds.mean) or excess(MOST_TIMES) > 0:
            return math.inf
        if excess(1.0) <= 0:
            return 1.0
        from scipy import optimize  # takes a second to import

        return float(optimize.brentq(excess, 1.0, MOST_TIMES))

    def _of_photos(self) -> tuple[float, float]:
        mean = min(1.0, max(0.0, self.over_seeds.mean))
        if not self.num_photos:
            return 0.0, 1.0
        if not self.is_f1:
            return clopper_pearson(mean, self.num_photos)
        low, high = clopper_pearson(mean / (2 - mean), self.num_photos)
        return 2 * low / (1 + low), 2 * high / (1 + high)


def clopper_pearson(share: float, number: float) -> tuple[float, float]:
    """Returns the exact 95 % interval of a share in [0, 1] of a number of photos > 0, which need not be whole."""
    from scipy import stats

    hits, misses, tail = share * number, (1 - share) * number, (1 - CONFIDENCE) / 2
    low = float(stats.beta.ppf(tail, hits, misses + 1)) if hits > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, hits + 1, misses)) if misses > 0 else 1.0
    return low, high


def _times_spread(number: int, overlap: float) -> float:
    from scipy import stats

    return float(stats.t.ppf((1 + CONFIDENCE) / 2, number - 1)) * math.sqrt(1 / number + overlap)
