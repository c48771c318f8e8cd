"""Where do runs lie, and what does a record say?"""

from trainables.storage.checkpoint import Checkpoint, remove_left_checkpoints
from trainables.storage.record import Record
from trainables.storage.run_folder import PREDICTIONS, RECORD, WEIGHTS, RunFolder, Tensors, as_bytes
from trainables.storage.shared_folder import SharedFolder, make_private, make_private_folder

__all__ = [
    "PREDICTIONS",
    "RECORD",
    "WEIGHTS",
    "Checkpoint",
    "Record",
    "RunFolder",
    "SharedFolder",
    "Tensors",
    "as_bytes",
    "make_private",
    "make_private_folder",
    "remove_left_checkpoints",
]
