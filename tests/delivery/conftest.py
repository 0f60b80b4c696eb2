"""A promoted variant on a real MLflow server, and a proxy that breaks connections."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from leanstage.contracts import ModelVersion
from leanstage.delivery import rollout
from leanstage.delivery.address import Address
from leanstage.delivery.fetch import fetch
from leanstage.gate.attestation import Verified, generate, trust_of
from leanstage.variant import open_variant
from tests.audit.kubernetes_api import kubeconfig
from tests.conftest import reviews, write_rows
from tests.delivery.cluster import Cluster, running
from tests.http_stub import Handler, serving
from tests.mlflow_server import GATE, MlflowServer
from tests.promoting import Promoting

FILES = "/mlflow-artifacts/artifacts/"


@dataclass
class Proxy:
    """Between a client and MLflow.

    Attributes:
        cuts: bytes after which the connections for the weights end, one after the other.
        ranges: whether the server knows ranges.
        refused: what is answered for a file of this name.
        asked: of every file: its path and the range, as it was asked for.
    """

    upstream: str
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    refused: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0
    url: str = ""


def proxy_handler(proxy: Proxy) -> type[Handler]:
    class Passing(Handler):
        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in {"host", "connection", "accept-encoding"}
                and (proxy.ranges or name.lower() != "range")
            }
            answer = requests.request(
                self.command, proxy.upstream + self.path, data=body, headers=headers, timeout=60
            )
            content, cutting = answer.content, False
            status = proxy.refused.get(self.path.rpartition("/")[2], answer.status_code)
            if FILES in self.path and self.command == "GET":
                proxy.asked.append((self.path, self.headers.get("Range", "")))
                cutting = bool(proxy.cuts) and self.path.endswith("model.safetensors")
            self.send_response(status)
            for name, value in answer.headers.items():
                if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if cutting:
                content = content[: proxy.cuts.pop(0)]
                self.close_connection = True
            if FILES in self.path:
                proxy.sent += len(content)
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815

    return Passing


@dataclass
class Delivered:
    """What a gate promoted on a server, and what a pod is told."""

    server: MlflowServer
    promoting: Promoting
    version: ModelVersion
    address: Address
    folder: Path
    """Of the promoted variant where it was made."""
    key: Path

    def fetch(
        self, target: Path, *, revoked: Path | None = None, now: datetime | None = None
    ) -> Verified:
        return fetch(self.address, target, trust_of([self.key], revoked), now or datetime.now(UTC))

    @property
    def stored(self) -> Path:
        """Where the server keeps the files."""
        model = self.promoting.client.get_model_version(
            self.address.name, self.version.version
        ).source
        (found,) = self.server.folder.rglob(model.rpartition("/")[2])
        return found / "artifacts"


@pytest.fixture(scope="module")
def gate_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the key pair of the gate."""
    folder = tmp_path_factory.mktemp("gate-keys")
    generate(folder)
    return folder


@pytest.fixture
def delivered(
    mlflow_server: MlflowServer,
    gate_keys: Path,
    tiny_checkpoint: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Delivered]:
    """A promoted variant of a model of this test's own."""
    data = {
        name: write_rows(tmp_path / f"{name}.jsonl", reviews(n, seed=seed))
        for name, n, seed in (("train", 60, 2), ("evaluation", 40, 3))
    }
    monkeypatch.setenv("LEANSTAGE_KEY", str(gate_keys / "leanstage.key"))
    with ExitStack() as stack:
        stack.enter_context(mlflow_server.as_user(GATE))
        name = f"tiny-{secrets.token_hex(4)}"
        promoting = Promoting(tiny_checkpoint, data, tmp_path, mlflow_server.uri, name)
        version = promoting.promote(promoting.decision())
        yield Delivered(
            mlflow_server,
            promoting,
            version,
            Address(version.name, open_variant(promoting.target).digest),
            promoting.target,
            gate_keys / "leanstage.pub",
        )


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster that this process is configured for, and that is looked at without long waits."""
    monkeypatch.setattr(rollout, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(rollout, "BACK_SECONDS", 2.0)
    monkeypatch.setattr(rollout, "DOUBT_SECONDS", 0.3)
    with running(Cluster()) as found:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "kubeconfig", found.uri)))
        yield found


@pytest.fixture
def proxy(delivered: Delivered, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """This test reaches MLflow through a proxy."""
    found = Proxy(delivered.server.uri)
    with serving(proxy_handler(found)) as found.url:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", found.url)
        yield found


@pytest.fixture
def promoting_here(
    gate_keys: Path,
    tiny_checkpoint: Callable[[str], Path],
    data: dict[str, Path],
    tmp_path: Path,
    mlflow_here: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Delivered:
    """The same in the embedded MLflow, without a server."""
    monkeypatch.setenv("LEANSTAGE_KEY", str(gate_keys / "leanstage.key"))
    promoting = Promoting(tiny_checkpoint, data, tmp_path, mlflow_here)
    version = promoting.promote(promoting.decision())
    return Delivered(
        MlflowServer(mlflow_here, {}),
        promoting,
        version,
        Address(version.name, open_variant(promoting.target).digest),
        promoting.target,
        gate_keys / "leanstage.pub",
    )
