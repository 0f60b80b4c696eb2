"""The Kubernetes cluster at hand: is this a pod of it, and how is its API reached?"""

import os
from pathlib import Path
from typing import Any

from leanstage.errors import LeanstageError

CLUSTER_VARIABLE = "KUBERNETES_SERVICE_HOST"
"""Kubernetes sets it in every container."""


class ClusterError(LeanstageError):
    """The cluster cannot be asked."""


def on_cluster() -> bool:
    """Whether this process runs in a pod."""
    return bool(os.environ.get(CLUSTER_VARIABLE))


def api_configuration() -> Any:
    """A client's configuration: the account of this pod, or else the current context of the
    kubeconfig at hand; None where there is neither.

    Raises:
        ClusterError: the configuration cannot be read.
    """
    from kubernetes import client, config
    from kubernetes.config import incluster_config as pod

    configuration = client.Configuration()
    try:
        if on_cluster() and Path(pod.SERVICE_TOKEN_FILENAME).is_file():
            config.load_incluster_config(client_configuration=configuration)
        elif path := _kubeconfig():
            config.load_kube_config(path, client_configuration=configuration)
        else:
            return None
    except Exception as error:  # whatever the client trips over is why it cannot be read
        first = (str(error).strip() or type(error).__name__).partition("\n")[0].rstrip(".")
        raise ClusterError(
            f"The configuration of the cluster cannot be read ({first}); mend it (KUBECONFIG), or "
            "go without the cluster."
        ) from error
    return configuration


def _kubeconfig() -> str:
    """Its path, or several as the variable holds them; empty where there is none."""
    usual = Path.home() / ".kube" / "config"
    # One that is named and missing is a mistake to tell of, not a machine without a cluster.
    return os.environ.get("KUBECONFIG") or (str(usual) if usual.is_file() else "")
