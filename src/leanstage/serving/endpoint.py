"""An endpoint that speaks OpenAI's protocol, asked as a model in this process is asked."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from leanstage.errors import InputError, LeanstageError
from leanstage.serving.server import Kind, Server, kind_of
from leanstage.variant.generation import Generator, Likelihood, load_generator
from leanstage.variant.writing import Writer

ENDPOINT_VARIABLE = "LEANSTAGE_ENDPOINT"
"""Environment variable that names the server through which models that write are asked."""
SERVED_LOADER = "leanstage.serving.endpoint:load_served"
MOST_AT_ONCE = 64
"""Requests under way at a time at most; the next waits, and that counts as its waiting."""
_REQUEST_SECONDS = 600.0
_RETRIES = 4
_LONGEST_REASON = 300


class Endpoint:
    """Completions of one model over HTTP; what fails for the moment is asked again.

    Args:
        url: without ``/v1``.
        model: as the server calls it.
        kind: the server's program, which decides how an answer of fixed length is asked for.
    """

    def __init__(self, url: str, model: str, kind: Kind) -> None:
        try:
            from openai import DefaultHttpxClient, OpenAI
        except ImportError:
            raise InputError(
                "asking an endpoint needs the package openai; install leanstage[serve]."
            ) from None
        self._model = model
        self._kind = kind
        self._client = OpenAI(
            base_url=f"{url.rstrip('/')}/v1",
            api_key=os.environ.get("OPENAI_API_KEY", "none"),
            max_retries=_RETRIES,
            timeout=_REQUEST_SECONDS,
            # A proxy stands between no process and its own server.
            http_client=DefaultHttpxClient(trust_env=not url.startswith("http://127.0.0.1:")),
        )

    def generate(self, prompts: Sequence[str], limits: Sequence[int]) -> list[str]:
        """What the model writes after each prompt, always its likeliest token, at most so many."""
        asked = [{"max_tokens": limit, "temperature": 0.0} for limit in limits]
        return [str(answer.choices[0].text) for answer in self._ask(prompts, asked)]

    def write(self, prompts: Sequence[str], tokens: int) -> list[int]:
        """Write so many tokens after each prompt, whatever they say; how many it says it wrote."""
        asked = {"max_tokens": tokens, "temperature": 0.0, "extra_body": self._kind.exactly(tokens)}
        answers = self._ask(prompts, [asked] * len(prompts))
        return [int(answer.usage.completion_tokens) for answer in answers]

    def _ask(self, prompts: Sequence[str], asked: Sequence[dict[str, Any]]) -> list[Any]:
        """All requests at once, as users would send them; the server decides how to batch."""
        from openai import OpenAIError

        def one(prompt: str, options: dict[str, Any]) -> Any:
            return self._client.completions.create(model=self._model, prompt=prompt, **options)

        try:
            with ThreadPoolExecutor(len(prompts)) as pool:
                return list(pool.map(one, prompts, asked))
        except OpenAIError as error:
            raise LeanstageError(
                f"{self._client.base_url} did not complete: {_reason(error)}."
            ) from error


def _reason(error: Exception) -> str:
    """What the client says, and the server where it answered, as one line."""
    response = getattr(error, "response", None)
    said = [str(error), *([response.text] if response is not None else [])]
    return " ".join(": ".join(said).split()).rstrip(".")[:_LONGEST_REASON]


class ServedGenerator(Endpoint):
    """A variant behind an endpoint.

    What it writes comes through the endpoint; how likely a given text is, which few servers tell,
    is told by the same weights in this process.

    Args:
        folder: the variant that the endpoint serves.
        url, model, kind: as of :class:`Endpoint`.
    """

    def __init__(self, folder: Path, url: str, model: str, kind: Kind) -> None:
        super().__init__(url, model, kind)
        self._folder = folder

    @classmethod
    def behind(cls, server: Server) -> Self:
        """The variant of a server on this machine."""
        return cls(server.folder, server.url, str(server.folder), server.kind)

    @cached_property
    def _inside(self) -> Generator:
        return load_generator(self._folder)

    def likelihood(
        self, prompts: Sequence[str], completions: Sequence[str], *, whole: bool = False
    ) -> Likelihood:
        """Of every completion after its prompt; of prompt and completion where ``whole``."""
        return self._inside.likelihood(prompts, completions, whole=whole)

    def lengths(self, prompts: Sequence[str], completions: Sequence[str]) -> list[int]:
        """Tokens of every completion."""
        return self._inside.lengths(prompts, completions)


class ServedWriter(Writer):
    """The predictor of a measurement: the server's work counts as its own."""

    at_once = MOST_AT_ONCE

    def __init__(self, server: Server) -> None:
        super().__init__(ServedGenerator.behind(server))
        self._server = server

    def cpu_seconds(self) -> float:
        """Processor time of the server so far."""
        return self._server.cpu_seconds()

    def rss_bytes(self) -> int:
        """Resident memory of the server now."""
        return self._server.rss_bytes()

    def close(self) -> None:
        """Stop the server."""
        self._server.stop()


def chosen_server() -> str | None:
    """The server that :data:`ENDPOINT_VARIABLE` names; None where models answer in process.

    Raises:
        InputError: it names none that is known.
    """
    name = os.environ.get(ENDPOINT_VARIABLE) or None
    if name is not None:
        kind_of(name)
    return name


@contextmanager
def open_generator(folder: Path) -> Iterator[Generator]:
    """A variant that writes, as it is to be asked: behind the :func:`chosen_server`, or in process.

    Raises:
        LeanstageError: its server does not start.
    """
    name = chosen_server()
    if name is None:
        yield load_generator(folder)
        return
    with Server(name, folder) as server:
        yield ServedGenerator.behind(server)


def load_served(folder: Path) -> ServedWriter:
    """The loader of a measurement through the server that :data:`ENDPOINT_VARIABLE` names."""
    name = chosen_server()
    if name is None:
        raise InputError(f"{ENDPOINT_VARIABLE} names no server.")
    return ServedWriter(Server(name, Path(folder)))
