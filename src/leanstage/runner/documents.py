"""A compiled package as its YAML documents: IR and platform spec, or resources of Kubernetes."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from leanstage.contracts.base import sha256_json
from leanstage.errors import InputError
from leanstage.runner.images import Document, Target, images, rename

GROUP = "pipelines.kubeflow.org/"


@dataclass(frozen=True)
class Package:
    """A package that was compiled.

    Attributes:
        comment: lines before the first document.
    """

    comment: str
    documents: list[Document]

    @property
    def spec(self) -> Document:
        """The first pipeline spec in it."""
        return self._specs()[0]

    def images(self) -> Counter[str]:
        """How many executors run each image."""
        return sum((images(spec) for spec in self._specs()), Counter())

    def retarget(self, target: Target) -> Counter[str]:
        """Name its images as ``target`` says, in place; returns those that are not ours.

        A PipelineVersion cannot be changed once it is in a cluster, so one that carries its
        fingerprint in its name gets the new one.
        """
        others: Counter[str] = Counter()
        for document in self.documents:
            spec = _spec_of(document)
            if spec is None:
                continue
            before = fingerprint(document)
            others += rename(spec, target)
            name = str(document.get("metadata", {}).get("name", ""))
            if name.endswith(f"-{before}"):
                name_version(document, name.removesuffix(f"-{before}"))
        return others

    def text(self) -> str:
        """The package as YAML."""
        return self.comment + yaml.safe_dump_all(self.documents, sort_keys=True)

    def _specs(self) -> list[Document]:
        return [spec for spec in map(_spec_of, self.documents) if spec is not None]


def name_version(document: Document, base: str) -> None:
    """Name a PipelineVersion ``base`` and its fingerprint: another content is another version."""
    name = f"{base}-{fingerprint(document)}"
    document["metadata"]["name"] = document["spec"]["displayName"] = name


def fingerprint(document: Document) -> str:
    """Eight hexadecimal digits over what a document has a cluster run."""
    spec = document.get("spec", {})
    parts = (spec.get("pipelineSpec"), spec.get("platformSpec"))
    return sha256_json(parts if any(parts) else document)[:8]


def parse_package(text: str, *, where: str) -> Package:
    """A package from YAML.

    Raises:
        InputError: it is none.
    """
    refused = InputError(
        f"{where} is no compiled package; give what `leanstage compile` or the compiler of kfp "
        "wrote."
    )
    try:
        documents: list[Any] = [each for each in yaml.safe_load_all(text) if each is not None]
    except (yaml.YAMLError, ValueError, RecursionError):
        raise refused from None
    known = [isinstance(each, dict) and _known(each) for each in documents]
    if not all(known) or not any(_spec_of(each) for each in documents if isinstance(each, dict)):
        raise refused
    comment = []
    for line in text.splitlines(keepends=True):
        if not line.startswith("#"):
            break
        comment.append(line)
    return Package("".join(comment), documents)


def read_package(path: Path) -> Package:
    """A package from a YAML file.

    Raises:
        InputError: it cannot be read, or is none.
    """
    if path.suffix not in (".yaml", ".yml"):
        raise InputError(f"{path} is no YAML file; compile the package to one.")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read; give a compiled package.") from error
    return parse_package(text, where=str(path))


def _known(document: Document) -> bool:
    if str(document.get("apiVersion", "")).startswith(GROUP):
        return document.get("kind") == "Pipeline" or _spec_of(document) is not None
    return set(document) == {"platforms"} or _spec_of(document) is not None


def _spec_of(document: Document) -> Document | None:
    """The pipeline spec that a document is, or holds."""
    spec: Any = document
    if document.get("kind") == "PipelineVersion":
        named = isinstance(document.get("metadata"), dict)
        held = document.get("spec")
        spec = held.get("pipelineSpec") if named and isinstance(held, dict) else None
    if not isinstance(spec, dict) or not {"pipelineInfo", "deploymentSpec", "root"} <= set(spec):
        return None
    deployment = spec["deploymentSpec"]
    executors = deployment.get("executors") if isinstance(deployment, dict) else None
    if not isinstance(executors, dict):
        return None
    sound = (
        isinstance(each, dict) and isinstance(each.get("container", {}), dict)
        for each in executors.values()
    )
    return spec if all(sound) else None
