"""Where images and weights of somebody's own lie: kept beside the runs, whose configurations name their content."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from study.answers import keep_version, recall_versions, what_changed
from study.studies import Study
from trainables.common import MIB, RecordError
from trainables.data import Folder, Folders
from trainables.storage import RunFolder

FILE, WEIGHTS_FILE = "folders.json", "weights.json"
LARGEST = 16 * MIB


def remember(run_folder: RunFolder, folders: Folders, weights: Mapping[str, Path] | None = None) -> None:
    """Keeps in the run folder where folders and weights lie, for export and report, and what the folders hold now.

    Raises:
        RecordError: what is kept there is damaged.
    """
    if folders:
        named_now = {source: folder.as_dict() for source, folder in folders.items()}
        text = json.dumps({**_kept(run_folder, FILE), **named_now}, indent=1, ensure_ascii=False)
        run_folder.put(FILE, text.encode())
    for source, folder in folders.items():
        if folder.survey is not None:
            keep_version(run_folder, source, folder.path, folder.survey.counts)
    if weights:
        paths = _kept(run_folder, WEIGHTS_FILE) | {name: str(path) for name, path in weights.items()}
        run_folder.put(WEIGHTS_FILE, json.dumps(paths, indent=1, ensure_ascii=False).encode())


def remembered(run_folder: RunFolder) -> Folders:
    """Returns where `remember` was told that folders lie; what cannot be understood goes into `left_out`."""
    folders: dict[str, Folder] = {}
    for source, fields in _understood(run_folder, FILE).items():
        try:
            folders[source] = _folder(fields)
        except (TypeError, ValueError) as error:
            run_folder.left_out[f"{FILE}, {source}"] = f"of another version? {error}"
    return folders


def remembered_weights(run_folder: RunFolder) -> dict[str, str]:
    """Returns {"sha256:<digits>": where `remember` was told that this file lies}; damage goes into `left_out`."""
    paths = _understood(run_folder, WEIGHTS_FILE)
    return {name: path for name, path in paths.items() if isinstance(path, str)}


def changed_folders(run_folder: RunFolder, folders: Folders, studies: Iterable[Study]) -> list[str]:
    """Returns a line for every folder that is not as it was when a study last ran on it; call it before `remember`."""
    versions = recall_versions(run_folder)
    lines = []
    for source, folder in folders.items():
        if folder.survey is not None and versions:
            records = (record for study in studies for record in run_folder.records(study.name))
            lines.append(what_changed(versions, source, folder.path, folder.survey.counts, records))
    return [line for line in lines if line]


def _folder(fields: Any) -> Folder:
    """Returns a folder of its stored fields; raises TypeError or ValueError for others."""
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise ValueError("no texts by name")
    return Folder(**fields)


def _understood(run_folder: RunFolder, file: str) -> dict[str, Any]:
    """Returns what a file holds, empty where it is damaged, which goes into `left_out`."""
    try:
        return _kept(run_folder, file)
    except RecordError as error:
        run_folder.left_out[file] = str(error)
        return {}


def _kept(run_folder: RunFolder, file: str) -> dict[str, Any]:
    """Returns what a file holds, empty where there is none; raises RecordError where it is damaged."""
    try:
        kept = json.loads(run_folder.get(file, LARGEST) or "{}")
        if not isinstance(kept, dict):
            raise ValueError("no object")
    except (ValueError, RecursionError) as error:
        options = "--data names the folders again" if file == FILE else "--weights names the files again"
        raise RecordError(f"{run_folder.url}/{file} is damaged ({error}); move it away, {options}") from error
    return kept
