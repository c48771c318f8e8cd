"""Two arms beside each other, without and with the final norm: over seeds, and image by image. Pure."""

import math
from itertools import zip_longest

import numpy as np
from rich.table import Table

from study.evidence import Group, PairedDifference
from study.reporting.effects import LEAST, effects_of
from study.reporting.predictions import Predictions
from study.reporting.tables.cells import make_table, show, show_number
from trainables.evaluation import MAJORITY_F1, MINORITY_F1, minority_probability


def pairs_table(group: Group) -> Table | None:
    """Returns one row per pair, the paired gain of the treated arm; None where no pair has records."""
    table = make_table(
        "paired gain of the final BN, same seeds",
        ["pair", "n", "gain in F1 minority", "sign-flip p", "gain in F1 majority"],
        text=["pair"],
        unbroken=["pair"],
    )
    for pair in group.study.pairs:
        minority = group.gain(pair.treated, pair.control, MINORITY_F1)
        majority = group.gain(pair.treated, pair.control, MAJORITY_F1)
        if minority.n:
            table.add_row(pair.name, str(minority.n), show(minority), show_number(minority.p), show(majority))
    return table if table.row_count else None


def samples_table(group: Group, predictions: Predictions) -> Table | None:
    """Returns minority images side by side, P(minority) without and with the final norm, the paper's beside ours.

    Ours are the first images of the test set that the control decides wrongly, as all of the paper's are. None where
    the study declares no images of the paper, or an arm of its first pair has no records.
    """
    if not group.study.samples:
        return None
    pair = group.study.pairs[0]
    control, treated = predictions(pair.control), predictions(pair.treated)
    if control is None or treated is None:
        return None
    without = minority_probability(group.configuration(pair.control), control["scores"])
    with_norm = minority_probability(group.configuration(pair.treated), treated["scores"])
    is_minority = control["labels"] >= len(group.configuration(pair.control).data.majority)
    wrong = is_minority & (without < 0.5)
    images = np.flatnonzero(wrong)[: len(group.study.samples)]
    images = images[np.argsort(without[images])]
    table = make_table(
        f"P(minority) of minority images, {pair.control} | {pair.treated} ({int(wrong.sum())} are wrong without)",
        ["image", "ours without", "ours with", "paper without", "paper with"],
        unbroken=[],
    )
    for image, printed in zip_longest(images, group.study.samples):
        ours = ("", "", "") if image is None else (str(image), f"{without[image]:.4f}", f"{with_norm[image]:.4f}")
        table.add_row(*ours, *(f"{value:.4f}" for value in printed))
    return table


DEFAULTS_COLUMNS = ("data", "default", "network", "n", "alone, added to ours", "n", "within the tool's", "decides")


def defaults_table(group: Group) -> Table | None:
    """Returns a row per default and network, its effect both ways; None where the study varies no default."""
    effects = effects_of(group)
    if not effects:
        return None
    table = make_table(
        f"change in mean F1 of both classes; a default decides where the whole interval is more than {LEAST:g} from 0",
        DEFAULTS_COLUMNS,
        text=("data", "default", "network", "decides"),
        unbroken=[],
    )
    for effect in effects:
        network = "plain" if effect.method == "none" else effect.method
        cells = [cell for change in (effect.alone, effect.within) for cell in (str(change.n), _show(change))]
        table.add_row(effect.data, effect.default, network, *cells, effect.decides)
    return table


def _show(change: PairedDifference) -> str:
    if math.isnan(change.mean):
        return "-"
    return f"{change.mean:+.3f}" + ("" if math.isnan(change.low) else f" [{change.low:+.3f}, {change.high:+.3f}]")
