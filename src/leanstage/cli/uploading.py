"""The command that puts the pipelines into Kubeflow Pipelines."""

from pathlib import Path
from typing import Annotated

import typer

from leanstage.cli._shared import say


def upload(
    packages: Annotated[
        list[Path] | None,
        typer.Argument(help="Compiled pipelines; none: those of this release, compiled now."),
    ] = None,
    host: Annotated[str, typer.Option(help="Kubeflow Pipelines; LEANSTAGE_KFP_HOST.")] = "",
    namespace: Annotated[
        str, typer.Option(help="Namespace that keeps them; empty shares them with everybody.")
    ] = "",
    token_file: Annotated[
        Path | None, typer.Option(help="Bearer token; LEANSTAGE_KFP_TOKEN(_FILE).")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(help="Authorities; LEANSTAGE_KFP_CA_FILE.")
    ] = None,
) -> None:
    """Upload the pipelines to a cluster that keeps them in its database; what is there stays."""
    import tempfile

    from leanstage.pipelines import PIPELINES
    from leanstage.runner.kfp_client import Connection
    from leanstage.runner.packages import compiled
    from leanstage.runner.upload import Uploads
    from leanstage.runner.upload import upload as put

    connection = Connection.of(host, namespace=namespace, token_file=token_file, ca_file=ca_file)
    kubeflow = Uploads(connection)
    with tempfile.TemporaryDirectory(prefix="leanstage-upload-") as scratch:
        chosen = list(packages or ())
        if not chosen:
            chosen = [Path(scratch) / f"{name}.yaml" for name in PIPELINES]
            for name, path in zip(PIPELINES, chosen, strict=True):
                compiled(name, path)
        for path in chosen:
            done = put(kubeflow, path)
            say(f"{done.pipeline} {done.version}: {'uploaded' if done.new else 'present'}")
