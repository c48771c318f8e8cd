"""How does one configuration train, for some seeds?"""

from trainables.training.fit import Epoch, State, fit
from trainables.training.inputs import Inputs
from trainables.training.losses import probabilities

__all__ = [
    "Epoch",
    "Inputs",
    "State",
    "fit",
    "probabilities",
]
