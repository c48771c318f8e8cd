"""The state of an unfinished trial, in the run folder under its key: a long training goes on where it was."""

import hashlib
from collections.abc import Collection
from typing import Any

import numpy as np
import safetensors.numpy

from trainables.storage.run_folder import RunFolder, Tensors, as_bytes


class Checkpoint:
    """The place of one trial's last state."""

    def __init__(self, folder: RunFolder, study: str, key: str, seeds: tuple[int, ...], fingerprint: str) -> None:
        """Names the place by what the state belongs to: study, key, seeds and data fingerprint."""
        seeds_digest = hashlib.sha256(repr(seeds).encode()).hexdigest()[:12]  # a file name holds any number of seeds
        self._folder = folder
        self._name = f"{study}/{key}/checkpoint-{seeds_digest}-{fingerprint}"

    def write(self, state: Tensors) -> None:
        """Stores a state (`Progress.state` of trainables/run.py) in the place of the last.

        Raises:
            RecordError: the folder cannot be written.
        """
        content = as_bytes(state)
        self._folder.put(self._name, hashlib.sha256(content).digest() + content)

    def read(self) -> dict[str, np.ndarray[Any, Any]] | None:
        """Returns the last state, None where there is none or it is damaged."""
        stored = self._folder.get(self._name) or b""
        digest, content = stored[:32], stored[32:]
        if hashlib.sha256(content).digest() != digest:
            return None
        return dict(safetensors.numpy.load(content))

    def remove(self) -> None:
        """Removes the state of a trial that has ended, if there is one."""
        self._folder.remove(self._name)


def remove_left_checkpoints(folder: RunFolder, study: str, keys: Collection[str]) -> None:
    """Removes the states of configurations by their keys; for those whose runs have all ended.

    Such a state is left where a trial stopped and its seeds went on in trials that had other seeds together.
    """
    for name in folder.names(f"{study}/*/checkpoint-*"):
        if name.split("/")[1] in keys:
            folder.remove(name)
