"""A registry of ten thousand models in a real MLflow server, some of them promoted by the gate.

MLflow's API would take hours: a few models are made through it, and copied in its database. What
the gate signs is signed for every promoted model anew, over bytes of its own.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import MetaData, create_engine

from leanstage.contracts import TECHNIQUES, Decision, Judgement, JustificationUse, Step
from leanstage.contracts.decision import Verdict
from leanstage.gate.attestation import lay, sign
from leanstage.registry.versions import DIGEST_TAG
from leanstage.variant.folder import with_lineage
from tests.audit.conftest import PROMPT, Shipping
from tests.mlflow_process import running

MODELS, VERSIONS = 10_000, 5
PROMOTED, JUSTIFIED, EXPIRED, LOST, HIDDEN = 2_500, 400, 100, 25, 50
"""Of the models: promoted by a gate, of these on a justification, one that has expired, with
evidence that is gone; and those that a tag hides as if they were prompts."""
ADMIN, PASSWORD = "admin", "benchmark-only-password"
TEMPLATE, PLAIN = "template-promoted", "template-plain"
_DAY_MS = 86_400_000
_SERVED = VERSIONS - 1
"""The version that the alias points at."""


@contextmanager
def registry(folder: Path) -> Iterator[dict[str, str]]:
    """A server with the registry, made where ``folder`` has none; gives what reaches it."""
    fresh = not (folder / "seeded").exists()
    place = folder / "mlflow"
    place.mkdir(parents=True, exist_ok=True)
    with running(place, admin=ADMIN, password=PASSWORD) as uri:
        environment = {
            "MLFLOW_TRACKING_URI": uri,
            "MLFLOW_TRACKING_USERNAME": ADMIN,
            "MLFLOW_TRACKING_PASSWORD": PASSWORD,
            "LEANSTAGE_KEY": str(folder / "keys" / "leanstage.key"),
            "LEANSTAGE_TRUST": str(folder / "keys"),
            "LEANSTAGE_EVENTS": "",
        }
        with patch.dict("os.environ", environment):
            if fresh:
                _seed(folder, uri)
                (folder / "seeded").touch()
            yield environment


def _seed(folder: Path, uri: str) -> None:
    from leanstage.gate.attestation import generate

    generate(folder / "keys")
    shipping = Shipping(folder / "shipping", uri)
    shipping.ship(TEMPLATE)
    client = shipping.client
    client.create_registered_model(PLAIN)
    client.create_model_version(PLAIN, source="s3://nowhere/at/all")
    client.set_registered_model_alias(PLAIN, "champion", "1")
    source = client.get_model_version(TEMPLATE, "1").source
    stored = str(client.get_logged_model(source.rpartition("/")[2]).artifact_location)
    _Copies(folder, shipping, stored).write()
    for name in (TEMPLATE, PLAIN, "tiny"):
        client.delete_registered_model(name)


@dataclass
class _Copies:
    """Rows of MLflow's database, and bytes where its server keeps them."""

    folder: Path
    shipping: Shipping
    stored: str

    def write(self) -> None:
        engine = create_engine(f"sqlite:///{self.folder / 'mlflow' / 'mlflow.db'}")
        meta = MetaData()
        meta.reflect(engine)
        with engine.begin() as database:
            templates = {
                name: [dict(row) for row in database.execute(table.select()).mappings()]
                for name, table in meta.tables.items()
            }
            rows: dict[str, list[dict[str, Any]]] = {}
            for number in range(MODELS):
                for table, row in self._model(number, templates):
                    rows.setdefault(table, []).append(row)
            for name, new in rows.items():
                database.execute(meta.tables[name].insert(), new)
        engine.dispose()

    def _model(
        self, number: int, templates: dict[str, list[dict[str, Any]]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        promoted = number < PROMOTED
        template, name = (TEMPLATE if promoted else PLAIN), f"team-{number % 40}/model-{number}"
        name = name.replace("/", "-")

        def of(table: str) -> list[dict[str, Any]]:
            return [row for row in templates[table] if row["name"] == template]

        (model,), (alias,) = of("registered_models"), of("registered_model_aliases")
        yield "registered_models", {**model, "name": name}
        yield "registered_model_aliases", {**alias, "name": name, "version": _SERVED}
        if number % (MODELS // HIDDEN) == 1:
            for key, value in PROMPT.items():
                tag = {"key": key, "value": value, "name": name}
                yield "registered_model_tags", {"workspace": model["workspace"], **tag}
        for version in range(1, VERSIONS + 1):
            made: dict[str, Any] = {"name": name, "version": version}
            (first,) = of("model_versions")
            row = {**first, "creation_time": first["creation_time"] - _DAY_MS * (number % 900)}
            if not (promoted and version == _SERVED):
                yield "model_versions", {**row, **made, "source": f"s3://models/{name}/{version}"}
                tag = {"key": "team", "value": str(number % 40)}
                yield "model_version_tags", {"workspace": row["workspace"], **made, **tag}
                continue
            logged_id = f"m-{number:032x}"
            digest = self._bytes(number, name, logged_id)
            yield "model_versions", {**row, **made, "source": f"models:/{logged_id}"}
            for tag in of("model_version_tags"):
                value = digest if tag["key"] == DIGEST_TAG else tag["value"]
                yield "model_version_tags", {**tag, **made, "value": value}
            logged = next(
                row for row in templates["logged_models"] if row["artifact_location"] == self.stored
            )
            place = self.stored.replace(logged["model_id"], logged_id)
            yield "logged_models", {**logged, "model_id": logged_id, "artifact_location": place}
            for tag in templates["logged_model_tags"]:
                if tag["model_id"] == logged["model_id"]:
                    value = digest if tag["tag_key"] == DIGEST_TAG else tag["tag_value"]
                    yield "logged_model_tags", {**tag, "model_id": logged_id, "tag_value": value}

    def _bytes(self, number: int, name: str, logged_id: str) -> str:
        """A variant of this model with a signed decision, where the server keeps it."""
        shipping, baseline = self.shipping, self.shipping.baseline
        policy = shipping.policy.model_copy(update={"promoted_model": name})
        steps = tuple(
            Step(
                technique=technique,
                status="skipped",
                reason=f"for {name}",
                parent_digest=baseline.digest,
                seconds=0.0,
            )
            for technique in TECHNIQUES
        )
        relative = self.stored.partition("mlflow-artifacts:/")[2].strip("/").split("/")
        parts = [logged_id if part.startswith("m-") else part for part in relative]
        place = (self.folder / "mlflow" / "artifacts").joinpath(*parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        made = with_lineage(baseline, place, steps)
        lay(place, sign(self._decision(number, policy, made.digest), policy, place))
        if number % (PROMOTED // LOST) == 0:
            shutil.rmtree(place)
        return made.digest

    def _decision(self, number: int, policy: Any, digest: str) -> Decision:
        verdict: Verdict = "PROMOTE_BASELINE" if number < JUSTIFIED else "PROMOTE_OPTIMIZED"
        now = datetime.now(UTC)
        judged = Judgement(
            candidate="optimized", digest=digest, passed=True, saving=0.52, saving_bound=0.48
        )
        use = JustificationUse(
            run_id="approval",
            experiment="approvals",
            sha256=hashlib.sha256(str(number).encode()).hexdigest(),
            grounds="accuracy",
            reason="Two points of accuracy matter here.",
            author="ada",
            expires=(now + timedelta(days=-1 if number < EXPIRED else 300)).isoformat(),
        )
        baseline = verdict == "PROMOTE_BASELINE"
        return Decision(
            verdict=verdict,
            sentence="The optimized candidate ships.",
            promoted="baseline" if baseline else "optimized",
            digest=digest,
            deploy="optimized",
            source=self.shipping.source,
            baseline_digest=digest if baseline else self.shipping.baseline.digest,
            judgements=(judged,),
            justification=use if baseline else None,
            policy_name=policy.name,
            policy_sha256=policy.sha256(),
            evidence_sha256="0" * 64,
            guarantee="A benchmark.",
            run_id="benchmark",
            decided=now.isoformat(timespec="seconds"),
        )
