"""Does a container serve a model, by which server, and from where?"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import yaml

_HUB = re.compile(r"[\w.-]+/[\w.-]+")
_LOCAL = re.compile(r"(pvc|file):|/|\.")
_VARIABLE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


class Served(NamedTuple):
    """The server; ``""`` where it is unknown. The place of the model; None where it is unsaid."""

    server: str
    storage: str | None


def served(container: Mapping[str, Any]) -> Served | None:
    """What a container of a pod's specification serves; None where nothing tells that it does.

    Values that come from Secrets and ConfigMaps are not looked up.
    """
    known = _known()
    variables = {
        str(each.get("name")): str(each["value"])
        for each in container.get("env") or ()
        if each.get("value")
    }
    words = [_expanded(word, variables) for word in _words(container)]
    image = str(container.get("image") or "")
    if not container.get("command"):
        words = [*known["entrypoints"].get(_image(image), "").split(), *words]
    server = known["images"].get(_image(image), "") or next(
        (name for start, name in known["prefixes"].items() if image.startswith(start)), ""
    )
    server = server or next(
        (name for program, name in known["programs"].items() if _after(words, program)), ""
    )
    if server:
        named = _option(words) or next(
            (variables[each] for each in known["variables"] if each in variables), None
        )
        return Served(server, place(named))
    telling = (variables[each] for each in known["telling"] if each in variables)
    found = next((place(value) for value in telling if _is_reference(value)), None)
    return Served("", found) if found else None


def place(named: str | None) -> str | None:
    """Where a model comes from, without passwords or the query that may hold a key.

    ``org/name`` is one of the hub.
    """
    if not named:
        return None
    if _HUB.fullmatch(named) and not named.startswith("."):
        return f"hf://{named}"
    try:
        parts = urlsplit(named)
        if not parts.scheme:
            return named
        host = parts.netloc.rpartition("@")[2] if parts.scheme in _HOSTED else parts.netloc
    except ValueError:
        return None
    return parts._replace(netloc=host, query="", fragment="").geturl()


def is_local(storage: str | None) -> bool:
    """Whether a place is a volume or within the image, where no registry can be asked about it."""
    return storage is not None and _LOCAL.match(storage) is not None


_HOSTED = ("http", "https", "s3", "gs", "hdfs", "webhdfs", "oci", "abfs", "abfss")


def _is_reference(value: str) -> bool:
    return "://" in value or ":/" in value or bool(_HUB.fullmatch(value))


def _words(container: Mapping[str, Any]) -> Iterator[str]:
    """Command line, with what stands in one word for a shell taken apart."""
    for word in [*(container.get("command") or ()), *(container.get("args") or ())]:
        if not re.search(r"\s", str(word)):
            yield str(word)
            continue
        try:
            yield from shlex.split(str(word), comments=True)
        except ValueError:
            yield from str(word).split()


def _expanded(word: str, variables: Mapping[str, str]) -> str:
    """As Kubernetes fills in ``$(NAME)``."""
    return _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), word)


def _image(image: str) -> str:
    """``ghcr.io/huggingface/text-generation-inference:3.0`` without registry, tag and digest."""
    path = image.partition("@")[0]
    head, _, last = path.rpartition("/")
    parts = [*head.split("/"), last.partition(":")[0]]
    return "/".join(parts[-2:])


def _after(words: Sequence[str], program: str) -> Sequence[str] | None:
    """The words behind a program; None where the command line does not start it."""
    wanted = program.split()
    for start in range(len(words) - len(wanted) + 1):
        found = [words[start].rpartition("/")[2], *words[start + 1 : start + len(wanted)]]
        if found == wanted:
            return words[start + len(wanted) :]
    return None


def _option(words: Sequence[str]) -> str | None:
    known = _known()
    # In `python -m MODULE` the same letter is no option of the server.
    words = _without_module(words)
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in known["options"]:
            if equals:
                return value
            if index + 1 < len(words) and not words[index + 1].startswith("-"):
                return words[index + 1]
    for program in known["positional"]:
        behind = _after(words, program)
        if behind and not behind[0].startswith("-"):
            return behind[0]
    return None


def _without_module(words: Sequence[str]) -> Sequence[str]:
    if len(words) > 1 and re.search(r"(^|/)python[\d.]*$", words[0]) and words[1] == "-m":
        return words[2:]
    return words


@cache
def _known() -> dict[str, Any]:
    text = files("leanstage.audit").joinpath("servers.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found
