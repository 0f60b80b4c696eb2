"""A thousand versions at once, and a trigger that is killed again and again: one run for each."""

import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

from kfp import compiler, dsl
from sqlalchemy import create_engine, text

from leanstage.registry.client import connect
from leanstage.trigger.backends.kfp import KfpBackend
from leanstage.trigger.reconcile import Reconciler
from leanstage.trigger.settings import Settings
from tests.trigger.conftest import Cluster, register

MODELS, VERSIONS = 50, 20


@dsl.component(base_image="image", install_kfp_package=False)
def one_task(model: str, request: str) -> None:
    pass


@dsl.pipeline(name="leanstage-deploy")
def small(model: str, request: str) -> None:
    one_task(model=model, request=request)


def register_many(uri: str, models: int, versions: int) -> None:
    """Copies of the first version, straight into MLflow's database: its API would take minutes."""
    tables = ("registered_models", "model_versions", "model_version_tags")
    engine = create_engine(uri)
    with engine.begin() as database:
        for table in tables:
            (first,) = database.execute(text(f"SELECT * FROM {table}")).mappings()
            rows: list[dict[str, Any]] = [
                {**first, "name": f"reviews-{model}", "version": version}
                for model in range(models)
                for version in range(1, versions + 1)
            ]
            if table == "registered_models":
                rows = [{k: v for k, v in row.items() if k != "version"} for row in rows]
                rows = rows[::versions]
            columns = ", ".join(first)
            values = ", ".join(f":{column}" for column in first)
            database.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), rows)
    engine.dispose()
    connect().delete_registered_model("reviews")


class Killed(BaseException):
    """The process is gone in the middle of something."""


def test_a_thousand_versions_get_one_run_each(
    cluster: Cluster, mlflow_here: str, tmp_path: Path
) -> None:
    register("reviews", alias=False, leanstage__optimize="true")
    register_many(mlflow_here, MODELS, VERSIONS)
    many = MODELS * VERSIONS
    assert len(connect().search_model_versions()) == many
    compiler.Compiler().compile(small, str(tmp_path / "deploy.yaml"))
    settings = Settings(max_active_runs=many, packages=tmp_path)
    chance = random.Random(0)
    deaths = 0

    def step() -> None:
        if chance.random() < 0.002:
            raise Killed

    for _ in range(100):
        try:
            Reconciler(KfpBackend.of(settings), settings, step, -math.inf).reconcile()
            break
        except Killed:
            deaths += 1
    assert deaths > 2, "it was killed before it had noted or created something"
    models = Counter(
        run["runtime_config"]["parameters"]["model"] for run in cluster.kfp.runs.values()
    )
    assert len(models) == many
    assert set(models.values()) == {1}
    assert len(connect().search_model_versions("tags.`leanstage.status` = 'running'")) == many
