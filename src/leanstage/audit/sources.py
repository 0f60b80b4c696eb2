"""What an audit asks beside the small files in MLflow."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sources:
    """Where else to look; as it stands, nowhere.

    Attributes:
        cluster: read the cluster of this pod or of the kubeconfig, where there is one.
        namespaces: those of it to read; none is all.
        volumes: a CSV of requests by model.
        prometheus: address of Prometheus, where there is no CSV or for what it leaves out.
        query: PromQL in place of the metrics of Knative, Istio and vLLM.
        sizes: of how many models that no gate decided on to read size and precision, those with
            the most requests first.
        whole: download every promoted version and hash each byte of it.
    """

    cluster: bool = False
    namespaces: tuple[str, ...] = ()
    volumes: Path | None = None
    prometheus: str | None = None
    query: str | None = None
    sizes: int = 0
    whole: bool = False
