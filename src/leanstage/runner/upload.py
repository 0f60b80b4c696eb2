"""Pipelines in the database of Kubeflow Pipelines, uploaded over REST as often as wanted."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kfp_server_api import V2beta1Pipeline

from leanstage.errors import InputError
from leanstage.runner.kfp_client import Kubeflow, KubeflowError

CONFLICT = 409
DIGEST = "package sha256 "
"""What stands before the digest in the description of a version."""


@dataclass(frozen=True)
class Uploaded:
    """A version of a pipeline that is there now; ``new`` where it was not before."""

    pipeline: str
    version: str
    new: bool


class Uploads(Kubeflow):
    """What an upload asks of Kubeflow Pipelines, in the namespace of the connection.

    Without a namespace pipelines are shared: everybody sees them, and may add versions.
    """

    def pipeline(self, name: str, description: str) -> str:
        """The id of a pipeline, made where it is missing."""
        found = self._pipeline_named(name)
        if found is not None:
            return found
        wanted = V2beta1Pipeline(
            name=name,
            display_name=name,
            description=description,
            namespace=self.connection.namespace or None,
        )
        try:
            with self._refusals():
                made = self.client.pipelines.pipeline_service_create_pipeline(wanted)
        except KubeflowError as error:
            # Somebody else was faster.
            found = self._pipeline_named(name) if error.status == CONFLICT else None
            if found is None:
                raise
            return found
        return str(made.pipeline_id)

    def version(self, pipeline_id: str, name: str, package: Path, description: str) -> bool:
        """Add a version to a pipeline; False where it has one of this name."""
        try:
            with self._refusals():
                self.client.pipeline_uploads.upload_pipeline_version(
                    str(package), name=name, pipelineid=pipeline_id, description=description
                )
        except KubeflowError as error:
            if error.status != CONFLICT:
                raise
            return False
        return True

    def description(self, pipeline_id: str, version: str) -> str:
        """The description of a version; empty where there is no such version."""
        for page in self._pages(self.client.list_pipeline_versions, pipeline_id=pipeline_id):
            for found in page.pipeline_versions or []:
                if found.display_name == version:
                    return str(found.description or "")
        return ""

    def _pipeline_named(self, name: str) -> str | None:
        named = {"operation": "EQUALS", "key": "display_name", "string_value": name}
        query = json.dumps({"predicates": [named]})
        namespace = self.connection.namespace or None
        for page in self._pages(self.client.list_pipelines, filter=query, namespace=namespace):
            for found in page.pipelines or []:
                # The database compares without regard to case.
                if found.display_name == name:
                    return str(found.pipeline_id)
        return None

    def _pages(self, ask: Any, **query: Any) -> Iterator[Any]:
        token = ""
        while True:
            with self._refusals():
                page = ask(page_token=token, page_size=100, **query)
            yield page
            token = page.next_page_token
            if not token:
                return


def upload(kubeflow: Uploads, package: Path, version: str) -> Uploaded:
    """Have the pipeline of a compiled package with this version, whatever was there before.

    Raises:
        InputError: the package is none, or its version is there with other content.
        KubeflowError: Kubeflow Pipelines refuses or does not answer.
    """
    about = _about(package)
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    pipeline_id = kubeflow.pipeline(about["name"], about.get("description", ""))
    new = kubeflow.version(pipeline_id, version, package, f"{DIGEST}{digest}")
    if not new:
        stated = kubeflow.description(pipeline_id, version)
        # One that was uploaded by hand states no digest, and counts as present.
        if stated.startswith(DIGEST) and stated != f"{DIGEST}{digest}":
            raise InputError(
                f"{about['name']} has a version {version} with other content (images, settings of "
                "the cluster); give this one another --version-name."
            )
    return Uploaded(pipeline=about["name"], version=version, new=new)


def _about(package: Path) -> dict[str, str]:
    """Name and description of the pipeline in a compiled package."""
    try:
        spec: Any = next(yaml.safe_load_all(package.read_text(encoding="utf-8")), None)
        found = spec["pipelineInfo"]
        return {"name": found["name"], "description": found.get("description", "")}
    except OSError as error:
        raise InputError(f"{package} cannot be read: {error.strerror}.") from None
    except (ValueError, yaml.YAMLError, KeyError, TypeError):
        raise InputError(
            f"{package} is no compiled pipeline; `leanstage compile` writes them."
        ) from None
