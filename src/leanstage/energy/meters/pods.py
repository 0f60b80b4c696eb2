"""The pod whose energy is asked for."""

import os
from pathlib import Path
from typing import NamedTuple

from leanstage.energy.meters.base import MeterError
from leanstage.prometheus import URL_VARIABLE

POD_VARIABLE = "LEANSTAGE_POD"
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Pod(NamedTuple):
    """Whose energy it is; several names of one namespace have commas between them."""

    namespace: str
    name: str


def own_pod() -> Pod:
    """The pod that this runs in: ``POD_NAMESPACE`` and ``POD_NAME``, as the downward API sets them.

    Kubeflow Pipelines sets ``KFP_POD_NAME`` by itself, and the service account has the namespace.

    Raises:
        MeterError: there is none, as outside of a cluster.
    """
    namespace = os.environ.get("POD_NAMESPACE", "") or _account_namespace()
    name = os.environ.get("POD_NAME", "") or os.environ.get("KFP_POD_NAME", "")
    if not (namespace and name):
        raise MeterError(
            "no pod is known whose energy to ask for; set POD_NAMESPACE and POD_NAME by the "
            "downward API."
        )
    return Pod(namespace, name)


def stated_pod() -> Pod:
    """The pod in ``LEANSTAGE_POD`` (``namespace/name``), which answers while this one asks.

    Of several names (``namespace/name,name``) the sum is read: that of the servers of models which
    answer in turn.

    Raises:
        MeterError: none is stated.
    """
    namespace, _, name = os.environ.get(POD_VARIABLE, "").strip().partition("/")
    if not (namespace and name):
        raise MeterError(
            f"no pod is known whose energy to ask for; set {URL_VARIABLE} to a Prometheus that "
            f"scrapes Kepler or DCGM, and {POD_VARIABLE} to namespace/name of the pod that answers."
        )
    return Pod(namespace, name)


def _account_namespace() -> str:
    try:
        return _NAMESPACE_FILE.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
