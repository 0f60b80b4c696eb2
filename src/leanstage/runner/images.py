"""The images that a compiled package names, and naming others."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from leanstage.components._image import NAMES
from leanstage.errors import InputError

Document = dict[str, Any]

OURS = re.compile(
    rf"(?:(?P<registry>.+)/)?leanstage-(?P<name>{'|'.join(NAMES)})"
    r"(?P<version>(?::[\w][\w.-]*)?(?:@sha256:[0-9a-f]{64})?)"
)
REGISTRY = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Target:
    """Where images come from; what is empty stays as it is.

    Attributes:
        registry: host and path before ``/leanstage-control``.
        tag: of every image that has no digest here.
        digests: ``sha256:...`` by image (``control``, ``torch``); a digest stands in for a tag.

    Raises:
        InputError: no image can be named so.
    """

    registry: str = ""
    tag: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.registry and not REGISTRY.fullmatch(self.registry):
            raise InputError(
                f"{self.registry!r} is no registry; give host and path, such as "
                "registry.example.org/leanstage."
            )
        if self.tag and not TAG.fullmatch(self.tag):
            raise InputError(
                f"{self.tag!r} is no tag; a digest belongs to one image, "
                "so give it as --digest control=sha256:..."
            )
        for name, digest in self.digests.items():
            if name not in NAMES:
                raise InputError(f"there is no image {name!r}; the images are {', '.join(NAMES)}.")
            if not DIGEST.fullmatch(digest):
                raise InputError(
                    f"{digest!r} is no digest; give sha256: and 64 hexadecimal digits."
                )

    def __bool__(self) -> bool:
        return bool(self.registry or self.tag or self.digests)

    def of(self, image: str) -> str | None:
        """The reference in place of ``image``; None where that is not one of ours."""
        found = OURS.fullmatch(image)
        if found is None:
            return None
        registry, name = self.registry or found["registry"], found["name"]
        version = f":{self.tag}" if self.tag else found["version"]
        if name in self.digests:
            version = f"@{self.digests[name]}"
        return f"{registry + '/' if registry else ''}leanstage-{name}{version}"


def digests_of(given: list[str]) -> dict[str, str]:
    """Digests by image, from texts ``NAME=sha256:...``.

    Raises:
        InputError: a text is of another form, or an image is named twice.
    """
    found: dict[str, str] = {}
    for text in given:
        name, _, digest = text.partition("=")
        if not digest or name in found:
            raise InputError(f"{text!r} is no digest; give each image once as NAME=sha256:...")
        found[name] = digest
    return found


def rename(spec: Document, target: Target) -> Counter[str]:
    """Name the images of an IR document as ``target`` says, in place.

    Returns:
        How many executors run each image that is not ours; those are left as they are.
    """
    others: Counter[str] = Counter()
    for container in _containers(spec):
        image = str(container.get("image"))
        renamed = target.of(image)
        if renamed is None:
            others[image] += 1
        else:
            container["image"] = renamed
    return others


def images(spec: Document) -> Counter[str]:
    """How many executors run each image."""
    return Counter(str(container.get("image")) for container in _containers(spec))


def _containers(spec: Document) -> Iterator[Document]:
    for executor in spec["deploymentSpec"]["executors"].values():
        if "container" in executor:
            yield executor["container"]
