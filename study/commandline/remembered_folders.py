"""Where folders of somebody's own images lie: kept beside the runs, whose configurations name only their content."""

import json

from trainables.data import Folder, Folders
from trainables.storage import RunFolder

FILE = "folders.json"


def remember(run_folder: RunFolder, folders: Folders) -> None:
    """Keeps where folders lie in the run folder, for export and report."""
    if folders:
        every_folder = {**remembered(run_folder), **folders}
        text = json.dumps(
            {source: folder.as_dict() for source, folder in every_folder.items()}, indent=1, ensure_ascii=False
        )
        run_folder.put(FILE, text.encode())


def remembered(run_folder: RunFolder) -> Folders:
    """Returns what `remember` kept."""
    kept_fields = json.loads(run_folder.get(FILE) or "{}")
    return {source: Folder(**fields) for source, fields in kept_fields.items()}
