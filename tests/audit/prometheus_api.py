"""A stand-in for the HTTP API of Prometheus: instant vectors by a word of the query."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.http_stub import answering


@dataclass
class Prometheus:
    """Samples by a word that the query holds; ``raw`` answers in place of all, with its status."""

    samples: dict[str, list[tuple[dict[str, str], float]]] = field(default_factory=dict)
    raw: tuple[int, bytes] | None = None
    tokens: list[str | None] = field(default_factory=list)
    uri: str = ""

    def answer(self, query: str) -> dict[str, Any]:
        """As Prometheus answers a query that it could evaluate."""
        found = [
            {"metric": labels, "value": [1_790_000_000.0, str(value)]}
            for word, samples in self.samples.items()
            if word in query
            for labels, value in samples
        ]
        return {"status": "success", "data": {"resultType": "vector", "result": found}}


@contextmanager
def serving(state: Prometheus) -> Iterator[Prometheus]:
    """Serve it on this machine alone."""

    def answer(path: str, query: dict[str, str], token: str | None) -> tuple[int, bytes]:
        state.tokens.append(token)
        if state.raw is not None:
            return state.raw
        if path != "/api/v1/query":
            return 404, b"404 page not found"
        return 200, json.dumps(state.answer(query["query"])).encode()

    with answering(answer) as state.uri:
        yield state
