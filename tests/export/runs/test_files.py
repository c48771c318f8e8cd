"""A folder of files appears whole or not at all; numbers that JSON lacks become None."""

import json
from pathlib import Path

import pytest

from export.runs.files import json_ready, replacing


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "models"
    with replacing(place) as part:
        (part / "a").write_text("1")
    with pytest.raises(OSError, match="full"), replacing(place) as part:
        (part / "b").write_text("2")
        raise OSError("the disk is full")
    assert [(p.name, p.read_text()) for p in place.iterdir()] == [("a", "1")]
    with monkeypatch.context() as patched, pytest.raises(OSError, match="away"), replacing(place) as part:
        rename = Path.rename

        def broken(path: Path, target: Path) -> Path:
            if path.suffix == ".part":
                raise OSError("the disk is away")
            return rename(path, target)

        patched.setattr(Path, "rename", broken)
    assert [(p.name, p.read_text()) for p in place.iterdir()] == [("a", "1")]
    with replacing(place) as part:
        (part / "b").write_text("2")
    assert [p.name for p in tmp_path.rglob("*")] == ["models", "b"]


def test_what_json_has_no_number_for_is_none() -> None:
    data = json_ready({"a": float("inf"), "b": [float("nan"), 1.0, ("x", {"c": -float("inf")})], "d": True})
    assert json.dumps(data, allow_nan=False) == '{"a": null, "b": [null, 1.0, ["x", {"c": null}]], "d": true}'
