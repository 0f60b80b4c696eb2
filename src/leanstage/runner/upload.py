"""Pipelines in the database of Kubeflow Pipelines, uploaded over REST as often as wanted."""

import json
from dataclasses import dataclass
from pathlib import Path

from kfp_server_api import V2beta1Pipeline

from leanstage import __version__
from leanstage.contracts.base import sha256_json
from leanstage.errors import InputError
from leanstage.runner.documents import read_package
from leanstage.runner.kfp_client import Kubeflow, KubeflowError

CONFLICT = 409


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

    def version(self, pipeline_id: str, name: str, package: Path) -> bool:
        """Add a version to a pipeline; False where it has one of this name."""
        try:
            with self._refusals():
                self.client.pipeline_uploads.upload_pipeline_version(
                    str(package), name=name, pipelineid=pipeline_id
                )
        except KubeflowError as error:
            if error.status != CONFLICT:
                raise
            return False
        return True

    def _pipeline_named(self, name: str) -> str | None:
        named = {"operation": "EQUALS", "key": "display_name", "string_value": name}
        with self._refusals():
            page = self.client.list_pipelines(
                filter=json.dumps({"predicates": [named]}),
                namespace=self.connection.namespace or None,
            )
        # The database compares without regard to case.
        same = (found for found in page.pipelines or [] if found.display_name == name)
        return next((str(found.pipeline_id) for found in same), None)


def upload(kubeflow: Uploads, path: Path) -> Uploaded:
    """Have the pipeline of a compiled package, in this version, whatever was there before.

    A version is named after the release and a fingerprint of its content, for it cannot be changed:
    other images or settings of the cluster make another version.

    Raises:
        InputError: the file is no package that can be uploaded.
        KubeflowError: Kubeflow Pipelines refuses or does not answer.
    """
    package = read_package(path)
    about = package.documents[0].get("pipelineInfo")
    if about is None:
        raise InputError(f"{path} holds resources; `kubectl apply` takes them, an upload does not.")
    version = f"{__version__}-{sha256_json(package.documents)[:8]}"
    pipeline_id = kubeflow.pipeline(about["name"], about.get("description", ""))
    new = kubeflow.version(pipeline_id, version, path)
    return Uploaded(pipeline=about["name"], version=version, new=new)
