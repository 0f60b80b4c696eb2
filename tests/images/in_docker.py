"""Run one pipeline of ours in containers: ``python in_docker.py REQUEST``.

A process of its own, since ``kfp.local`` keeps one configuration a process.
"""

import json
import sys
from pathlib import Path

from kfp import dsl, local


def main(request_path: str) -> int:
    """Run the pipeline that the JSON file asks for; 0 where every task succeeded."""
    from docker.types import Mount

    from leanstage.pipelines import PIPELINES

    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    mounts = [
        Mount(target, source, type="bind", read_only=True)
        for target, source in request["mounts"].items()
    ]
    local.init(
        # On the machine's own network, where the MLflow server is.
        runner=local.DockerRunner(
            network_mode="host",
            mounts=mounts,
            environment=request["environment"],
            user=request["user"],
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
        ),
        pipeline_root=request["root"],
        raise_on_error=True,
    )
    pipelines = {**PIPELINES, "resolve-and-plan": resolve_and_plan}
    pipelines[request["pipeline"]](**request["arguments"])
    return 0


@dsl.pipeline(name="resolve-and-plan")
def resolve_and_plan(model: str, train_data: str, evaluation_data: str, name: str) -> None:
    """One component of each image."""
    from leanstage.components import plan, resolve

    inputs = resolve(
        model=model, train_data=train_data, evaluation_data=evaluation_data, name=name
    ).outputs
    plan(
        baseline=inputs["baseline"],
        train=inputs["train"],
        unlabelled=inputs["unlabelled"],
        context=inputs["context"],
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
