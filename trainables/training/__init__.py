"""How does one configuration train, for some seeds?"""

from trainables.training.fit import Epoch, fit
from trainables.training.inputs import Inputs
from trainables.training.losses import check_own_code, probabilities
from trainables.training.state import State, part_under, put_under

__all__ = [
    "Epoch",
    "Inputs",
    "State",
    "check_own_code",
    "fit",
    "part_under",
    "probabilities",
    "put_under",
]
