"""The names that metrics are stored under: `split/metric/class`.

`split` is train, validation or test, with "-removed" where the final norm was taken off (H1 of K21, arXiv:2109.09016).
`metric` is one of PER_CLASS, or of all images together: accuracy, loss, confidence, ece, brier (see metrics.py).
`class` is a class's own name, `minority` or `majority` (mean over the classes of that role), or `all`.
"""

PER_CLASS = ("precision", "recall", "f1", "balanced_f1", "average_precision", "auroc")
ALL = "all"


def metric_key(split: str, metric: str, of: str = ALL) -> str:
    """Returns the stored name of a metric, such as "test/f1/minority"."""
    return f"{split}/{metric}/{of}"


VALIDATION_F1 = metric_key("validation", "f1", "minority")  # by which runs, arms and settings are chosen
MINORITY_F1, MAJORITY_F1 = metric_key("test", "f1", "minority"), metric_key("test", "f1", "majority")
REMOVED_MINORITY_F1 = metric_key("test-removed", "f1", "minority")
REMOVED_MAJORITY_F1 = metric_key("test-removed", "f1", "majority")
# the split of a plain network's test scores, adjusted to the classes' shares among the test images (prior_shift.py); no
# record holds it, reports work it out of stored scores
ADJUSTED = "test-adjusted"
ADJUSTED_MINORITY_F1 = metric_key(ADJUSTED, "f1", "minority")
ADJUSTED_MAJORITY_F1 = metric_key(ADJUSTED, "f1", "majority")
# the split of the test images weighted to the classes' shares in training; no record holds it either
NATURAL = "test-natural"
# no record holds these, who asks for them works them out: the mean of the roles' F1, and the minority's F1 were the
# test images as imbalanced as the training images are
BOTH_F1, REMOVED_BOTH_F1 = metric_key("test", "f1", "both"), metric_key("test-removed", "f1", "both")
F1_AT_TRAINING_PREVALENCE = metric_key("test", "f1", "minority at the training prevalence")
