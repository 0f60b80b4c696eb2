"""A model that writes behind OpenAI's protocol, asked as one in this process is."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from leanstage.errors import InputError, LeanstageError
from leanstage.serving.choice import Address
from leanstage.serving.http import REQUEST_SECONDS, RETRIES, direct, one_line, token
from leanstage.serving.server import KINDS, Kind, Server
from leanstage.variant.generation import Generator, Likelihood, load_generator
from leanstage.variant.writing import NEW_TOKENS

_ENDINGS = ("The end.", "Yes, it is.", "2 + 2 = 4", "Thank you, and good bye!")
"""Prompts after which few models would go on for long of their own accord."""


class Endpoint:
    """Completions of one model over HTTP; what fails for the moment is asked again.

    Args:
        url: without ``/v1``.
        model: as the server calls it; None takes the only one that it serves.
        kind: the server's program, which decides how an answer of fixed length is asked for; None
            finds out what the server heeds.

    Attributes:
        url: as given.

    Raises:
        LeanstageError: the server cannot be reached.
        InputError: it serves several models, and none is named.
    """

    def __init__(self, url: str, model: str | None = None, kind: Kind | None = None) -> None:
        try:
            from openai import DefaultHttpxClient, OpenAI
        except ImportError:
            raise InputError(
                "asking an endpoint needs the package openai; install leanstage[serve]."
            ) from None
        self.url = url
        self._client = OpenAI(
            base_url=f"{url.rstrip('/')}/v1",
            # Never the key in OPENAI_API_KEY, which the client would take: it is another server's.
            api_key=token() or "none",
            max_retries=RETRIES,
            timeout=REQUEST_SECONDS,
            http_client=DefaultHttpxClient(trust_env=not direct(url)),
        )
        self._model = self._only_model() if model is None else model
        if kind is not None:
            self._kind = kind

    def generate(self, prompts: Sequence[str], limits: Sequence[int]) -> list[str]:
        """What the model writes after each prompt, always its likeliest token, at most so many."""
        asked = [{"max_tokens": limit, "temperature": 0.0} for limit in limits]
        return [str(answer.choices[0].text) for answer in self._ask(prompts, asked)]

    def write(self, prompts: Sequence[str], tokens: int) -> list[int]:
        """Write so many tokens after each prompt, whatever they say; how many it says it wrote."""
        return self._write(prompts, tokens, self._kind)

    @cached_property
    def _kind(self) -> Kind:
        """The kind of server whose way of asking for a fixed length is heeded."""
        refused = ""
        for kind in KINDS.values():
            try:
                if set(self._write(_ENDINGS, NEW_TOKENS, kind)) == {NEW_TOKENS}:
                    return kind
            except LeanstageError as error:
                refused = f" ({error})"
        raise InputError(
            f"{self._client.base_url} writes no answers of a fixed length, as {' or '.join(KINDS)} "
            f"do, so that models cannot be measured at equal work{refused}."
        )

    def _write(self, prompts: Sequence[str], tokens: int, kind: Kind) -> list[int]:
        asked = {"max_tokens": tokens, "temperature": 0.0, "extra_body": kind.exactly(tokens)}
        answers = self._ask(prompts, [asked] * len(prompts))
        if any(answer.usage is None for answer in answers):
            raise LeanstageError(
                f"{self._client.base_url} does not say how many tokens it wrote (usage), without "
                "which equal work cannot be told."
            )
        return [int(answer.usage.completion_tokens) for answer in answers]

    def _ask(self, prompts: Sequence[str], asked: Sequence[dict[str, Any]]) -> list[Any]:
        """All requests at once, as users would send them; the server decides how to batch."""

        def one(prompt: str, options: dict[str, Any]) -> Any:
            return self._client.completions.create(model=self._model, prompt=prompt, **options)

        def all_of_them() -> list[Any]:
            if len(prompts) == 1:
                return [one(prompts[0], asked[0])]
            with ThreadPoolExecutor(len(prompts)) as pool:
                return list(pool.map(one, prompts, asked))

        return self._answered("did not complete", all_of_them)

    def _only_model(self) -> str:
        served = self._answered(
            "did not say what it serves", lambda: [each.id for each in self._client.models.list()]
        )
        if len(served) != 1:
            raise InputError(
                f"{self._client.base_url} serves {len(served)} models; name one behind the URL, as "
                f"in #{served[0] if served else 'NAME'}."
            )
        return str(served[0])

    def _answered(self, failing: str, ask: Callable[[], list[Any]]) -> list[Any]:
        from openai import OpenAIError

        try:
            return ask()
        except OpenAIError as error:
            raise LeanstageError(f"{self._client.base_url} {failing}: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    """What the client says, and the server where it answered, as one line."""
    response = getattr(error, "response", None)
    return one_line(str(error), *([response.text] if response is not None else []))


class ServedGenerator(Endpoint):
    """A variant behind an endpoint.

    What it writes comes through the endpoint; how likely a given text is, which few servers tell,
    is told by the same weights in this process.

    Args:
        folder: the variant that the endpoint serves.
        url, model, kind: as of :class:`Endpoint`.
    """

    def __init__(
        self, folder: Path, url: str, model: str | None = None, kind: Kind | None = None
    ) -> None:
        super().__init__(url, model, kind)
        self._folder = folder

    @classmethod
    def behind(cls, server: Server) -> Self:
        """The variant of a server on this machine."""
        return cls(server.folder, server.url, str(server.folder), server.kind)

    @classmethod
    def at(cls, folder: Path, where: Address) -> Self:
        """The variant that is said to answer at an address.

        Raises:
            InputError: it does not write, or the address speaks another protocol.
        """
        if where.protocol != "openai":
            raise InputError(
                f"{where.url} speaks KServe's protocol, over which classifiers are asked; a model "
                "that writes is asked over OpenAI's."
            )
        return cls(folder, where.url, where.model)

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
