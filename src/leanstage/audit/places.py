"""Where MLflow stores models, asked for an experiment at a time instead of model by model."""

import threading
from contextlib import suppress
from dataclasses import dataclass, field

from leanstage.registry.client import RegistryError, connect, pages, refusals
from leanstage.registry.versions import DIGEST_TAG

_OURS = f"tags.`{DIGEST_TAG}` LIKE '%'"
_PAGE = 1000


@dataclass
class Places:
    """Places by the id of the stored model; once told, a place stays. Threads may share one."""

    _known: dict[str, str] = field(default_factory=dict)
    _experiments: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, model_id: str) -> str:
        """Where a stored model lies.

        Raises:
            RegistryError: it is gone, or MLflow does not answer.
        """
        with self._lock:
            if model_id not in self._known:
                with refusals():
                    found = connect().get_logged_model(model_id)
                self._known[model_id] = str(found.artifact_location)
                self._read(str(found.experiment_id))
            return self._known[model_id]

    def _read(self, experiment: str) -> None:
        """Learn what else a gate, or leanstage at all, stored where one such model is."""
        if experiment in self._experiments:
            return
        self._experiments.add(experiment)
        search = connect().search_logged_models
        # Where this is refused, each is asked for by itself.
        with suppress(RegistryError):
            for each in pages(
                search, experiment_ids=[experiment], filter_string=_OURS, max_results=_PAGE
            ):
                self._known[str(each.model_id)] = str(each.artifact_location)
