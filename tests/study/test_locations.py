"""Where things lie, and what of it may be shown."""

from study.locations import without_password


def test_passwords_of_uris_are_not_shown() -> None:
    assert without_password("postgresql://me:se:cr@t@host:5/db") == "postgresql://me:***@host:5/db"
    assert without_password("cannot reach http://a:b@h/x now") == "cannot reach http://a:***@h/x now"
    for harmless in ("sqlite:////runs/mlflow.db", "http://host:5000/a@b", "s3://bucket/x"):
        assert without_password(harmless) == harmless
