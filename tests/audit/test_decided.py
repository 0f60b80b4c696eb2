"""Which version the gate made champion, whoever hides it."""

from typing import Any

from leanstage.audit.decided import decided_champions
from leanstage.registry.champions import STATE
from leanstage.registry.client import connect


def test_a_hidden_champion_is_the_champion(mlflow_here: str) -> None:
    client: Any = connect()
    client.create_registered_model("reviews")
    for _ in range(2):
        client.create_model_version("reviews", "s3://models/reviews", tags={STATE: "promoted"})
    assert decided_champions() == {"reviews": 2}
    client.set_model_version_tag("reviews", "2", "mlflow.prompt.is_prompt", "true")
    client.set_registered_model_tag("reviews", "mlflow.prompt.is_prompt", "true")
    assert decided_champions() == {"reviews": 2}
