"""The unit of truth: one run = configuration + seed, in `<runs>/<study>/<key>/seed-<n>/`.

`weights.safetensors` and `predictions.safetensors` are written first and `record.json`, with their checksums, last: a
run is complete when its record is there and the checksums hold. Everything else (means, tables, MLflow) is derived.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import safetensors.numpy
from pydantic import ValidationError
from safetensors import SafetensorError

from trainables.common import MIB, ConfigurationError, RecordError
from trainables.storage.record import Record
from trainables.storage.shared_folder import SharedFolder

Tensors = Mapping[str, np.ndarray[Any, Any]]

RECORD, WEIGHTS, PREDICTIONS = "record.json", "weights.safetensors", "predictions.safetensors"
NAMES = "names"
LARGEST_RECORD = 64 * MIB


class RunFolder(SharedFolder):
    """A place for runs: a local folder, a shared one, or any URL that fsspec opens.

    Attributes:
        left_out: files below it that could not be understood when they were read -> why; the others were.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.left_out: dict[str, str] = {}

    def write(
        self,
        record: Record,
        weights: Tensors | None = None,
        predictions: Tensors | None = None,
        names: Mapping[str, list[str]] | None = None,
    ) -> Record:
        """Stores a run, the record last, and returns the record with its checksums.

        Args:
            record: what to store; one that is there already is replaced.
            weights: name -> array of the trained network; None for a failed run.
            predictions: "<split>/scores|labels|positions" -> array.
            names: split -> names of its images, kept in the metadata of the predictions.

        Raises:
            RecordError: the folder cannot be written.
        """
        folder = self._folder(record.study, record.key, record.seed)
        contents = {}
        if weights is not None:
            contents[WEIGHTS] = as_bytes(weights)
        if predictions is not None:
            # one metadata entry: safetensors writes several in no fixed order, and equal runs should be equal files
            contents[PREDICTIONS] = as_bytes(predictions, {NAMES: json.dumps(names)})
        for name, content in contents.items():
            self._put(f"{folder}/{name}", content)
        checksums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        record = record.model_copy(update={"files": checksums})
        self._put(f"{folder}/{RECORD}", record.model_dump_json().encode())
        return record

    def read(self, study: str, key: str, seed: int, verify: bool = True) -> Record | None:
        """Returns the record of a run; None where there is none, or it or (with `verify`) a file of it is damaged.

        Raises:
            RecordError: the store cannot be read.
        """
        record = self._look(study, key, seed, verify)
        return record if isinstance(record, Record) else None

    def studies(self) -> list[str]:
        """Returns the names of all studies that have records, sorted."""
        return sorted({path.split("/")[-4] for path in self._glob(f"*/*/seed-*/{RECORD}")})

    def records(self, study: str, key: str = "*", verify: bool = False) -> Iterator[Record]:
        """Yields the records of a study (or of one key), failed ones too, ordered by key and seed.

        With `verify` only those whose files have the recorded checksums: that reads every file. One that cannot be
        understood (damaged, of a newer version) is noted in `left_out`.
        """
        places = []
        for path in self._glob(f"{study}/{key}/seed-*/{RECORD}"):
            key_of_run, folder = path.split("/")[-3:-1]
            seed = folder.removeprefix("seed-")
            if seed.isdecimal():  # somebody's copy beside a run is no run
                places.append((key_of_run, int(seed)))
        understood: dict[str, Any] = {}  # the last configuration that was; the seeds of a key share it
        for place in sorted(places):
            record = self._look(study, *place, verify)
            if isinstance(record, Record) and record.configuration != understood:
                try:
                    record.typed_configuration()
                    understood = record.configuration
                except ConfigurationError as error:
                    record = f"of another version? {error}"
            if isinstance(record, Record):
                yield record
            elif record:
                self.left_out[f"{self._run(study, *place)}/{RECORD}"] = record

    def tensors(self, record: Record, name: str) -> dict[str, np.ndarray[Any, Any]]:
        """Returns the arrays of a file of a run, WEIGHTS or PREDICTIONS.

        Raises:
            RecordError: the file is missing, its checksum is not the record's, or it is no such file.
        """
        try:
            tensors = dict(safetensors.numpy.load(self._content(record, name)))
        except SafetensorError as error:
            raise RecordError(f"{self._path(record, name)}: no safetensors file ({error})") from error
        if name == PREDICTIONS:
            _check_predictions(self._path(record, name), tensors, len(record.typed_configuration().data.classes))
        return tensors

    def sample_names(self, record: Record) -> dict[str, list[str]]:
        """Returns {split: names of its images, in the order of the split's arrays}; raises as `tensors` does."""
        content = self._content(record, PREDICTIONS)
        metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]).get("__metadata__", {})
        return json.loads(metadata.get(NAMES, "null")) or {}

    def write_shared(self, name: str, tensors: Tensors, anew: bool = False) -> None:
        """Stores arrays that many runs share, such as a backbone, as `<runs>/<name>.safetensors`, once or anew."""
        if anew or self.read_shared(name) is None:
            self._put(f"{self._root}/{name}.safetensors", as_bytes(tensors))

    def read_shared(self, name: str) -> dict[str, np.ndarray[Any, Any]] | None:
        """Returns the arrays of `write_shared`, None where they are not there or cut short."""
        try:
            return dict(safetensors.numpy.load(self._read(f"{self._root}/{name}.safetensors")))
        except (FileNotFoundError, NotADirectoryError, SafetensorError):
            return None

    def _look(self, study: str, key: str, seed: int, verify: bool) -> Record | str:
        """Returns the record of a run, or why it cannot be used; "" where there is none."""
        folder = self._folder(study, key, seed)
        try:
            record = Record.model_validate_json(self._read(f"{folder}/{RECORD}", LARGEST_RECORD))
            needed = {WEIGHTS, PREDICTIONS} if record.status == "complete" else set()
            if record.files.keys() != needed or (record.study, record.key, record.seed) != (study, key, seed):
                return "names other files than a run has, or another run than the one in whose folder it lies"
            for name, checksum in record.files.items() if verify else ():
                if self._sha256(f"{folder}/{name}") != checksum:
                    return f"the checksum of {name} is another"
            record.check_whole()
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            return f"{'.'.join(map(str, first['loc'])) or 'no record'}: {first['msg']}"
        except ValueError as error:
            return str(error)
        except RecordError as error:
            if self._local and isinstance(error.__cause__, OSError):  # this file alone: a folder, a loop of links
                return str(error.__cause__)
            raise
        return record

    def _content(self, record: Record, name: str) -> bytes:
        path = self._path(record, name)
        try:
            content = self._read(path)
        except FileNotFoundError:
            content = b""
        if hashlib.sha256(content).hexdigest() != record.files.get(name):
            raise RecordError(f"{path}: missing or damaged (its checksum is not the record's); run the study again")
        return content

    def _path(self, record: Record, name: str) -> str:
        return f"{self._folder(record.study, record.key, record.seed)}/{name}"

    def _run(self, study: str, key: str, seed: int) -> str:
        return f"{study}/{key}/seed-{seed}"

    def _folder(self, study: str, key: str, seed: int) -> str:
        return f"{self._root}/{self._run(study, key, seed)}"


def _check_predictions(path: str, tensors: Tensors, num_classes: int) -> None:
    """Raises RecordError where test scores, labels and positions are missing or do not go together."""
    for split in ("test", "validation"):
        names = [f"{split}/{part}" for part in ("scores", "labels", "positions")]
        if split == "validation" and not any(name in tensors for name in names):
            continue  # a study may have no validation images
        missing = [name for name in names if name not in tensors]
        if missing:
            raise RecordError(f"{path}: holds no {', '.join(missing)}")
        scores, labels, positions = (tensors[name] for name in names)
        number = len(labels) if labels.ndim == 1 else -1
        in_order = number < 1 or 0 <= labels.min() <= labels.max() < num_classes
        if scores.shape != (number, num_classes) or positions.shape != (number,) or not in_order:
            raise RecordError(f"{path}: {names[0]} {scores.shape} and {names[1]} do not go together")


def as_bytes(tensors: Tensors, metadata: dict[str, str] | None = None) -> bytes:
    """Returns the safetensors file of named arrays."""
    return safetensors.numpy.save({name: np.asarray(value, order="C") for name, value in tensors.items()}, metadata)
