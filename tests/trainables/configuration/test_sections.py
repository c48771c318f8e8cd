import math

import pytest

from trainables.configuration import Data, merged


def test_a_count_is_a_number_a_share_or_all() -> None:
    for wrong in (0, -1, 1.5, "some"):
        with pytest.raises(ValueError, match="train_majority"):
            Data(train_majority=wrong)
    assert math.isnan(Data(train_majority=0.8).ratio)
    assert Data().ratio == 0.01


@pytest.mark.parametrize(("name", "classes"), [("3+5", ["3", "5"]), ("C++", ["C++"]), ("ER+", ["ER+"]), ("8", ["8"])])
def test_a_plus_merges_classes_unless_it_ends_the_name(name: str, classes: list[str]) -> None:
    assert merged(name) == classes


def test_classes_are_in_the_order_of_outputs_majority_first() -> None:
    data = Data(minority=("rare",), majority=("a", "b"))
    assert data.classes == ("a", "b", "rare")
    assert data.roles == ("majority", "majority", "minority")
