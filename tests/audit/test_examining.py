"""One version that nobody thought of is a row; the others are examined all the same."""

import sqlite3

from mlflow import MlflowClient

from leanstage.audit import survey


def test_a_version_of_an_impossible_time_is_a_row_with_the_reason(mlflow_here: str) -> None:
    client = MlflowClient(mlflow_here, registry_uri=mlflow_here)
    for name in ("odd", "plain"):
        client.create_registered_model(name)
        client.create_model_version(name, source="s3://nowhere/at/all")
        client.set_registered_model_alias(name, "champion", "1")
    with sqlite3.connect(mlflow_here.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE model_versions SET creation_time = 9e17 WHERE name = 'odd'")
    found = survey(tell=lambda _: None)
    odd, plain = sorted(found.entries, key=lambda entry: entry.model)
    assert (odd.status, odd.version, odd.aliases) == ("unverifiable", "1", ("champion",))
    assert odd.error is not None
    assert odd.error.startswith("it cannot be examined (")
    assert plain.error is None
    assert not found.complete
