"""What answers for a model: this process, a server that is started for it, or one that runs."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from leanstage.contracts import Task
from leanstage.errors import InputError
from leanstage.serving.processes import listening_at
from leanstage.serving.server import KINDS

ENDPOINT_VARIABLE = "LEANSTAGE_ENDPOINT"
"""Environment variable that says through what models are asked."""

Protocol = Literal["openai", "v1", "v2"]

_MODEL = re.compile(
    r"(?P<base>.*/(?P<protocol>v[12])/models/[^/:]+(/versions/[^/:]+)?)(/infer|:predict)?"
)
_ANY = ""
_SAME_AS = {"control": "candidate"}


class Address(NamedTuple):
    """Where one model answers.

    Attributes:
        url: without what the protocol appends.
        protocol: OpenAI's, or KServe's of version 1 or 2.
        model: as a server of OpenAI's protocol calls it; None where it serves but one.
    """

    url: str
    protocol: Protocol
    model: str | None = None


def address(url: str) -> Address:
    """The address in a URL.

    ``.../v2/models/NAME`` and ``.../v1/models/NAME`` speak KServe's protocols, any other OpenAI's;
    there ``#NAME`` names the model.

    Raises:
        InputError: it is no URL that can be asked.
    """
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.query:
        raise InputError(
            f"{ENDPOINT_VARIABLE} holds {_shown(url)!r}, which is no URL of a model; give "
            "http://HOST/v2/models/NAME, http://HOST/v1/models/NAME, or http://HOST/v1#NAME."
        )
    if parts.username or parts.password:
        raise InputError(
            f"{ENDPOINT_VARIABLE} holds a password for {parts.hostname}; leave it out, and put a "
            "bearer token into LEANSTAGE_ENDPOINT_TOKEN."
        )
    bare = url.partition("#")[0].rstrip("/")
    if found := _MODEL.fullmatch(bare):
        protocol: Protocol = "v1" if found["protocol"] == "v1" else "v2"
        return Address(found["base"], protocol)
    return Address(bare.removesuffix("/v1"), "openai", parts.fragment or None)


@dataclass(frozen=True)
class Choice:
    """What :data:`ENDPOINT_VARIABLE` says.

    Attributes:
        server: the program to start for every model that writes; None where none is.
        urls: where models answer, by their part in the comparison.
    """

    server: str | None = None
    urls: Mapping[str, str] = field(default_factory=dict)

    def asks(self, task: Task) -> bool:
        """Whether models of a task are asked through it; the programs it starts serve writing."""
        return bool(self.urls) or (self.server is not None and task == "text-generation")

    def address_of(self, name: str) -> Address:
        """Where the model ``name`` answers: ``baseline``, ``candidate`` or ``champion``.

        Raises:
            InputError: it is not said.
        """
        name = _SAME_AS.get(name, name)
        if name not in self.urls:
            raise InputError(
                f"{ENDPOINT_VARIABLE} does not say where the {name} answers; write {name}=URL for "
                "each model, with blanks between them."
            )
        return address(self.urls[name])

    def only_address(self) -> Address:
        """The one that a process has been left with by :func:`narrowed`."""
        if _ANY not in self.urls:
            raise InputError(
                f"{ENDPOINT_VARIABLE} is not one URL, which a process that asks needs."
            )
        return address(self.urls[_ANY])

    def processes(self, *names: str) -> dict[str, int | None]:
        """The process on this machine that answers for each of the models ``names``.

        None is a server on another machine. Where no URLs are chosen there are no servers to find.

        Raises:
            InputError: it is not said where one answers; one process of this machine serves two,
                whose work cannot be told apart; or only some are elsewhere, which no meter sees
                alike.
            LeanstageError: see :func:`listening_at`.
        """
        if not self.urls:
            return {}
        processes = {name: listening_at(self.address_of(name).url) for name in names}
        here = [pid for pid in processes.values() if pid is not None]
        if len(set(here)) < len(here):
            raise InputError(
                f"{' and '.join(names)} are served by one process, whose work for each cannot "
                "be told apart; start a server for each."
            )
        away = [name for name, pid in processes.items() if pid is None]
        if away and here:
            raise InputError(
                f"what answers for the {' and the '.join(away)} is on another machine, for the "
                "rest on this one, and no meter reads both alike; serve both on one machine."
            )
        return processes

    def __str__(self) -> str:
        if self.server:
            return f"{self.server} serve"
        return ", ".join(f"{name} at {address(url).url}" for name, url in self.urls.items())


def choice() -> Choice:
    """What the environment chooses.

    Raises:
        InputError: a program that is not known, or a URL that is none.
    """
    said = os.environ.get(ENDPOINT_VARIABLE, "").split()
    if not said:
        return Choice()
    if len(said) == 1 and said[0] in KINDS:
        return Choice(server=said[0])
    urls = dict(_part(word) for word in said)
    for url in urls.values():
        address(url)
    if len(urls) < len(said):
        raise InputError(f"{ENDPOINT_VARIABLE} says of a model twice where it answers.")
    return Choice(urls=urls)


def narrowed(name: str) -> dict[str, str]:
    """What a process that asks the model ``name`` alone has to know, as its environment."""
    chosen = choice()
    name = _SAME_AS.get(name, name)
    return {ENDPOINT_VARIABLE: chosen.urls[name]} if name in chosen.urls else {}


def _part(word: str) -> tuple[str, str]:
    found = re.match(r"(?:(\w+)=)?(https?://.*)", word)
    if found is None:
        raise InputError(
            f"{ENDPOINT_VARIABLE} names {_shown(word)!r}, which is no server; known are "
            f"{' and '.join(KINDS)}, or baseline=URL candidate=URL."
        )
    return found[1] or _ANY, found[2]


def _shown(url: str) -> str:
    """Without what may be a password."""
    return re.sub(r"//.*@", "//", url.partition("?")[0])
