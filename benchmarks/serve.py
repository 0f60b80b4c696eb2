"""What serving costs beside the predictor alone, and what verification adds to a start.

Run by hand: ``.venv/bin/python benchmarks/serve.py FOLDER [--texts FILE] [--json FILE]``, on a
quiet machine with ``make kserve``. FOLDER is a promoted classifier, such as the demo's; FILE holds
texts as JSON Lines. The server and a loop over its predictor in one process take turns, so that
both see the same machine. The start fetches a promoted variant of 1 GB from a real MLflow server,
by ``leanstage fetch``, by MLflow's own client and by curl, in turns as well.
"""

import argparse
import http.client
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from leanstage.delivery.address import Address  # noqa: E402
from leanstage.delivery.fetch import fetch  # noqa: E402
from leanstage.gate.attestation import generate, trust_of  # noqa: E402
from leanstage.registry.versions import download  # noqa: E402
from leanstage.variant import MANIFEST, load_predictor, open_variant  # noqa: E402
from leanstage.variant.folder import seal_like  # noqa: E402
from tests.conftest import reviews, train_tiny, write_rows  # noqa: E402
from tests.mlflow_process import running as mlflow_running  # noqa: E402
from tests.mlflow_server import ADMIN, MlflowServer  # noqa: E402
from tests.promoting import Promoting  # noqa: E402
from tests.serving.conftest import KSERVE_PYTHON, await_ready, free_port, running  # noqa: E402

ROWS = 8
"""Texts of a request."""
TURN_SECONDS = 5.0
THROUGHPUT_GOAL, ENERGY_GOAL, START_GOAL = 0.8, 1.3, 1.5


def main() -> None:
    """Measure both, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a promoted classifier")
    parser.add_argument("--texts", type=Path, help="JSON Lines with 'text'; the demo's reviews")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--bytes", type=int, default=1_000_000_000)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    asked = parser.parse_args()
    found: dict[str, Any] = {}
    for part, measure in (
        ("serving", lambda: served(asked)),
        ("start", lambda: started(asked.bytes)),
    ):
        found[part] = measure()
        if asked.json:
            asked.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    show(found)


def texts_of(path: Path | None) -> list[str]:
    """What is asked, a multiple of the rows of a request."""
    if path is None:
        from leanstage.demo.data import reviews as demo

        texts = list(demo().evaluation.texts)
    else:
        lines = path.read_text(encoding="utf-8").splitlines()
        texts = [json.loads(line)["text"] for line in lines]
    return texts[: len(texts) // ROWS * ROWS]


def served(asked: argparse.Namespace) -> dict[str, Any]:
    """Turns of a loop over the predictor, and of the server with each number of clients."""
    texts = texts_of(asked.texts)
    batches = [texts[start : start + ROWS] for start in range(0, len(texts), ROWS)]
    variant = open_variant(asked.folder)
    predictor = load_predictor(variant.path)
    expected = predictor.predict(texts)
    found: dict[str, Any] = {
        "variant": variant.digest,
        "runtime": variant.manifest.runtime,
        "precision": variant.manifest.precision,
        "rows": ROWS,
        "turns": {"loop": []} | {f"{n} clients": [] for n in asked.clients},
    }
    mine = psutil.Process()
    with process_of(asked.folder) as (port, server):
        given = answers(port, texts)
        found["same answers"] = float(np.mean(given.argmax(1) == expected.argmax(1)))
        found["largest difference"] = float(np.abs(given - expected).max())
        found["memory_mib"] = server.memory_info().rss / 2**20
        for _ in range(asked.turns):
            turn = timed(lambda batch: predictor.predict(batch), batches, 1, mine)
            found["turns"]["loop"].append(turn)
            for clients in asked.clients:
                turn = timed(asking(port), batches, clients, server)
                found["turns"][f"{clients} clients"].append(turn)
    return found | {"figures": figures(found["turns"])}


@contextmanager
def process_of(folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """``leanstage serve`` of a folder: its port and its process."""
    port = free_port()
    run = "from leanstage.cli import main; main()"
    command = [str(KSERVE_PYTHON), "-c", run, "serve", str(folder), "--name", "model"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with tempfile.TemporaryFile() as log, running(command, stdout=log, stderr=log) as process:
        await_ready(f"http://127.0.0.1:{port}", process, Path("/dev/null"))
        yield port, psutil.Process(process.pid)


def asking(port: int) -> Callable[[Sequence[str]], Any]:
    """A client that keeps its connection, one for each thread that calls it."""
    import threading

    local = threading.local()

    def ask(batch: Sequence[str]) -> Any:
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection("127.0.0.1", port)
        body = json.dumps({"instances": batch})
        headers = {"Content-Type": "application/json"}
        local.connection.request("POST", "/v1/models/model:predict", body, headers)
        answer = local.connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise RuntimeError(data.decode())
        return data

    return ask


def answers(port: int, texts: Sequence[str]) -> Any:
    """What the server says of every text, in requests of its largest size."""
    ask, rows = asking(port), []
    for start in range(0, len(texts), 1024):
        rows += json.loads(ask(texts[start : start + 1024]))["predictions"]
    return np.array([list(row.values()) for row in rows])


def timed(
    ask: Callable[[Sequence[str]], Any],
    batches: Sequence[Sequence[str]],
    clients: int,
    process: psutil.Process,
) -> dict[str, float]:
    """One turn: requests a second, their 99th percentile, and CPU seconds of ``process``."""
    taken: list[float] = []
    until = time.perf_counter() + TURN_SECONDS

    def work(first: int) -> None:
        number = first
        while (begun := time.perf_counter()) < until:
            ask(batches[number % len(batches)])
            taken.append(time.perf_counter() - begun)
            number += clients

    before, begun = process.cpu_times(), time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(work, number) for number in range(clients)]:
            done.result()
    seconds, after = time.perf_counter() - begun, process.cpu_times()
    spent = after.user + after.system - before.user - before.system
    return {
        "requests_per_second": len(taken) / seconds,
        "p99_ms": float(np.percentile(taken, 99)) * 1e3,
        "cpu_ms_per_answer": spent / (len(taken) * ROWS) * 1e3,
    }


def figures(turns: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Medians, and of the server's the median ratio to the loop of the same turn."""
    found = {}
    for name, rows in turns.items():
        each = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        pairs = list(zip(rows, turns["loop"], strict=True))
        for key in ("requests_per_second", "cpu_ms_per_answer"):
            each[f"{key} to loop"] = statistics.median(one[key] / loop[key] for one, loop in pairs)
        found[name] = each
    return found


def started(size: int) -> dict[str, Any]:
    """Seconds to fetch a variant of ``size`` bytes, verified and not, in turns."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leanstage-serve-")))
        password = secrets.token_urlsafe(16)
        (folder / "server").mkdir()
        uri = stack.enter_context(mlflow_running(folder / "server", admin=ADMIN, password=password))
        stack.enter_context(MlflowServer(uri, {ADMIN: password}).as_user(ADMIN))
        generate(folder / "keys")
        os.environ["LEANSTAGE_KEY"] = str(folder / "keys" / "leanstage.key")
        promoting = heavy(folder, uri, size)
        version = promoting.promote(promoting.decision())
        address = Address(version.name, open_variant(promoting.target).digest)
        trust = trust_of([folder / "keys" / "leanstage.pub"])
        verified: list[float] = []
        bare: list[float] = []
        plain: list[float] = []
        for turn in range(5):
            ways = [
                (verified, lambda to: fetch(address, to, trust, datetime.now(UTC))),
                (bare, lambda to: download(version, to)),
                (plain, lambda to: by_hand(uri, password, version, to)),
            ]
            for seconds, bring in ways if turn % 2 else reversed(ways):
                place = folder / "to"
                place.mkdir()
                os.sync()
                begun = time.perf_counter()
                bring(place)
                seconds.append(time.perf_counter() - begun)
                shutil.rmtree(place)
        pairs = list(zip(verified, bare, plain, strict=True))
    return {
        "bytes": size,
        "verified_s": verified,
        "mlflow_client_s": bare,
        "one_connection_s": plain,
        "to mlflow client": statistics.median(one / other for one, other, _ in pairs),
        "to one connection": statistics.median(one / other for one, _, other in pairs),
    }


def heavy(folder: Path, uri: str, size: int) -> Promoting:
    """A run whose variants weigh ``size`` bytes."""
    data = {
        name: write_rows(folder / f"{name}.jsonl", reviews(n, seed=seed))
        for name, n, seed in (("train", 60, 2), ("evaluation", 40, 3))
    }
    (folder / "tiny").mkdir()
    checkpoint = train_tiny(folder / "tiny", "bert")
    promoting = Promoting(lambda _: checkpoint, data, folder, uri)
    place = promoting.baseline.path
    with (place / "ballast.safetensors").open("wb") as stream:
        for _ in range(size // 10_000_000):
            stream.write(os.urandom(10_000_000))
    (place / MANIFEST).unlink()
    seal_like(promoting.baseline, place)
    promoting.baseline = open_variant(place)
    return promoting


def by_hand(uri: str, password: str, version: Any, target: Path) -> None:
    """The ballast by curl: one connection, and nothing but bytes to a file."""
    from leanstage.registry.stored import Stored
    from leanstage.registry.versions import model_of

    location = Stored(model_of(version)).location.removeprefix("mlflow-artifacts:/")
    url = f"{uri}/api/2.0/mlflow-artifacts/artifacts/{location}/ballast.safetensors"
    command = ["curl", "--fail", "--silent", "--user", f"{ADMIN}:{password}"]
    subprocess.run([*command, "--output", str(target / "ballast"), url], check=True)


def show(found: dict[str, Any]) -> None:
    """Print the figures beside their goals."""
    console, serving, start = Console(), found["serving"], found["start"]
    console.print(
        f"{serving['runtime']} {serving['precision']}: {serving['same answers']:.2%} of the rows "
        f"alike, at most {serving['largest difference']:.1e} apart; the server takes "
        f"{serving['memory_mib']:.0f} MiB."
    )
    table = Table(title=f"Requests of {ROWS} texts")
    for column in ("", "requests/s", "of the loop", "p99 ms", "CPU ms/answer", "of the loop"):
        table.add_column(column, justify="right")
    for name, row in serving["figures"].items():
        table.add_row(
            name,
            f"{row['requests_per_second']:.1f}",
            f"{row['requests_per_second to loop']:.2f}",
            f"{row['p99_ms']:.1f}",
            f"{row['cpu_ms_per_answer']:.3f}",
            f"{row['cpu_ms_per_answer to loop']:.2f}",
        )
    console.print(table)
    console.print(f"Goals: at least {THROUGHPUT_GOAL} and at most {ENERGY_GOAL} of the loop.")
    seconds = statistics.median(start["verified_s"])
    console.print(
        f"Start with {start['bytes']:,} bytes: verified {seconds:.2f} s, "
        f"{start['to mlflow client']:.2f} times MLflow's client, "
        f"{start['to one connection']:.2f} times curl (goal {START_GOAL})."
    )


if __name__ == "__main__":
    main()
