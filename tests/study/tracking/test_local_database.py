"""MLflow's local database is made whole or not at all."""

from pathlib import Path

import pytest

from study.tracking import local_database


def test_a_database_half_made_is_never_there(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"

    def killed(uri: str) -> None:
        Path(uri.removeprefix("sqlite:///")).write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        local_database.create(f"sqlite:///{path}", killed)
    assert not path.exists()
    local_database.create(f"sqlite:///{path}", lambda uri: Path(uri.removeprefix("sqlite:///")).write_text("whole"))
    assert path.read_text() == "whole"
    assert [file.name for file in tmp_path.glob("mlflow.db*.new*")] == []


def test_a_database_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "mlflow.db"
    local_database.create(f"sqlite:///{path}", lambda uri: Path(uri.removeprefix("sqlite:///")).write_text("whole"))
    assert path.stat().st_mode & 0o077 == path.parent.stat().st_mode & 0o077 == 0
