"""Where folders of somebody's own images lie: kept beside the runs, whose configurations name only their content."""

import json
from typing import Any

from trainables.data import Folder, Folders
from trainables.errors import RecordError
from trainables.regular_file import MIB
from trainables.storage import RunFolder

FILE = "folders.json"
LARGEST = 16 * MIB


def remember(run_folder: RunFolder, folders: Folders) -> None:
    """Keeps where folders lie in the run folder, for export and report; raises RecordError where FILE is damaged."""
    if folders:
        named_now = {source: folder.as_dict() for source, folder in folders.items()}
        text = json.dumps({**_kept(run_folder), **named_now}, indent=1, ensure_ascii=False)
        run_folder.put(FILE, text.encode())


def remembered(run_folder: RunFolder) -> Folders:
    """Returns what `remember` kept; what of it cannot be understood is noted in `left_out` of the run folder."""
    folders: dict[str, Folder] = {}
    try:
        kept_fields = _kept(run_folder)
    except RecordError as error:
        run_folder.left_out[FILE] = str(error)
        return folders
    for source, fields in kept_fields.items():
        try:
            folders[source] = _folder(fields)
        except (TypeError, ValueError) as error:
            run_folder.left_out[f"{FILE}, {source}"] = f"of another version? {error}"
    return folders


def _folder(fields: Any) -> Folder:
    """Returns a folder of its stored fields; raises TypeError or ValueError for others."""
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise ValueError("no texts by name")
    return Folder(**fields)


def _kept(run_folder: RunFolder) -> dict[str, Any]:
    """Returns what the file holds, empty where there is none."""
    try:
        kept = json.loads(run_folder.get(FILE, LARGEST) or "{}")
        if not isinstance(kept, dict):
            raise ValueError("no object")
    except (ValueError, RecursionError) as error:
        raise RecordError(
            f"{run_folder.url}/{FILE} is damaged ({error}); move it away, --data names the folders again"
        ) from error
    return kept
