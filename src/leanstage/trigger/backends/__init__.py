"""Where runs happen: Kubeflow Pipelines, or processes of this machine."""

from leanstage.trigger.backends.base import ACTIVE, Backend, Job, Started
from leanstage.trigger.settings import Settings

__all__ = ["ACTIVE", "Backend", "Job", "Started", "backend_of"]


def backend_of(settings: Settings) -> Backend:
    """The backend that the settings name."""
    if settings.backend == "local":
        from leanstage.trigger.backends.local import LocalBackend

        return LocalBackend(settings.local_folder())
    from leanstage.trigger.backends.kfp import KfpBackend

    return KfpBackend.of(settings)
