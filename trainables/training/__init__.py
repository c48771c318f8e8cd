"""How does one configuration train, for some seeds?"""

from trainables.training.fit import Epoch, fit
from trainables.training.inputs import Inputs
from trainables.training.losses import probabilities
from trainables.training.state import State, part_under, put_under

__all__ = [
    "Epoch",
    "Inputs",
    "State",
    "fit",
    "part_under",
    "probabilities",
    "put_under",
]
