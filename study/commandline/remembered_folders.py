"""Where images and weights of somebody's own lie: kept beside the runs, whose configurations name their content."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from study.answers import keep_version, recall_versions, what_changed
from study.studies import Study
from trainables.data import Folder, Folders
from trainables.storage import RunFolder

FILE, WEIGHTS_FILE = "folders.json", "weights.json"


def remember(run_folder: RunFolder, folders: Folders, weights: Mapping[str, Path] | None = None) -> None:
    """Keeps in the run folder where folders and weights lie, for export and report, and what the folders hold now."""
    if folders:
        every_folder = {**remembered(run_folder), **folders}
        text = json.dumps(
            {source: folder.as_dict() for source, folder in every_folder.items()}, indent=1, ensure_ascii=False
        )
        run_folder.put(FILE, text.encode())
    for source, folder in folders.items():
        if folder.survey is not None:
            keep_version(run_folder, source, folder.path, folder.survey.counts)
    if weights:
        paths = remembered_weights(run_folder) | {name: str(path) for name, path in weights.items()}
        run_folder.put(WEIGHTS_FILE, json.dumps(paths, indent=1, ensure_ascii=False).encode())


def remembered(run_folder: RunFolder) -> Folders:
    """Returns where `remember` was told that folders lie."""
    kept_fields = json.loads(run_folder.get(FILE) or "{}")
    return {source: Folder(**fields) for source, fields in kept_fields.items()}


def remembered_weights(run_folder: RunFolder) -> dict[str, str]:
    """Returns {"sha256:<digits>": where `remember` was told that this file lies}."""
    return dict(json.loads(run_folder.get(WEIGHTS_FILE) or "{}"))


def changed_folders(run_folder: RunFolder, folders: Folders, studies: Iterable[Study]) -> list[str]:
    """Returns a line for every folder that is not as it was when a study last ran on it; call it before `remember`."""
    versions = recall_versions(run_folder)
    lines = []
    for source, folder in folders.items():
        if folder.survey is not None and versions:
            records = (record for study in studies for record in run_folder.records(study.name))
            lines.append(what_changed(versions, source, folder.path, folder.survey.counts, records))
    return [line for line in lines if line]
