"""What somebody's folder of images held when studies ran on it: kept beside the runs, which know it by a hash alone.

A folder whose images change becomes another data set, and earlier runs are kept apart. A person tells the two apart by
day, hour and how many images of each class there were.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from trainables.storage import Record, RunFolder

FILE = "folder-versions.json"


@dataclass(frozen=True)
class FolderVersion:
    """A folder as it was.

    Attributes:
        path: of the folder.
        counts: images of each class.
        first_used: when a study first ran on it, UTC, ISO 8601.
        last_used: when one last did.
    """

    path: str
    counts: dict[str, int]
    first_used: str
    last_used: str

    @property
    def when(self) -> str:
        """The day and hour of its first use, as a clock on the wall shows it: "2026-11-29 12:01"."""
        return datetime.fromisoformat(self.first_used).astimezone().strftime("%Y-%m-%d %H:%M")

    @property
    def what(self) -> str:
        """How many images of each class: "150 healthy, 25 scab"."""
        return ", ".join(f"{number} {name}" for name, number in self.counts.items())

    def __str__(self) -> str:
        """Returns when and what."""
        return f"{self.when}: {self.what}"


Versions = Mapping[str, FolderVersion]  # "folder:<fingerprint>" -> what that was
_ADAPTER = TypeAdapter(dict[str, FolderVersion])


def recall_versions(run_folder: RunFolder) -> dict[str, FolderVersion]:
    """Returns every version that a study ran on; empty where the file is missing or damaged: only words hang on it."""
    content = run_folder.get(FILE)
    try:
        return _ADAPTER.validate_json(content) if content else {}
    except ValidationError:
        return {}


def keep_version(run_folder: RunFolder, source: str, path: str, counts: Mapping[str, int]) -> None:
    """Notes that a study runs on a folder as it is now."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    versions = recall_versions(run_folder)
    known = versions.get(source) or FolderVersion(path, {name: int(n) for name, n in counts.items()}, now, now)
    versions[source] = replace(known, path=path, last_used=now)
    run_folder.put(FILE, _ADAPTER.dump_json(versions, indent=1))


def what_changed(
    versions: Versions, source: str, path: str, counts: Mapping[str, int], records: Iterable[Record]
) -> str:
    """Returns "changed since 12:01: +6 scab; 16 earlier runs kept apart"; "" where it is as it was last, or new.

    Args:
        versions: kept before now.
        source: what the folder is now.
        path: where it is.
        counts: images of each class now.
        records: of the studies that run.
    """
    of_path = {name: version for name, version in versions.items() if version.path == path}
    last = max(of_path, key=lambda name: of_path[name].last_used, default=source)
    if last == source:
        return ""
    before = of_path[last]
    names = list(dict.fromkeys([*before.counts, *counts]))
    gains = {name: int(counts.get(name, 0)) - before.counts.get(name, 0) for name in names}
    changes = ", ".join(f"{gain:+d} {name}" for name, gain in gains.items() if gain)
    others = of_path.keys() - {source}
    number = sum(record.configuration.get("data.source") in others for record in records)
    return (
        f"changed since {_on_the_wall(before.last_used)}: "
        f"{changes or 'as many images, but others (replaced, renamed or grouped anew)'}; "
        f"{number} earlier run{'' if number == 1 else 's'} kept apart"
    )


def _on_the_wall(moment: str) -> str:
    """Returns a moment in local time, to the minute; of today the hour alone."""
    local = datetime.fromisoformat(moment).astimezone()
    is_today = local.date() == datetime.now(UTC).astimezone().date()
    return local.strftime("%H:%M" if is_today else "%Y-%m-%d %H:%M")
