"""Models as they are to be asked: in this process, or through what the environment chooses."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from leanstage.contracts import VariantManifest
from leanstage.errors import InputError
from leanstage.serving.choice import ENDPOINT_VARIABLE, Address, choice
from leanstage.serving.completions import ServedGenerator
from leanstage.serving.http import MOST_AT_ONCE
from leanstage.serving.inference import InferenceClassifier
from leanstage.serving.processes import Elsewhere, Processes, Work, listening_at
from leanstage.serving.server import Server
from leanstage.serving.weights import require_same_classes, require_same_texts
from leanstage.variant import Predictor, load_predictor
from leanstage.variant.digest import MANIFEST
from leanstage.variant.generation import Generator, load_generator
from leanstage.variant.writing import Writer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SERVED_LOADER = "leanstage.serving.endpoint:load_served"


@contextmanager
def open_generator(folder: Path, name: str) -> Iterator[Generator]:
    """A variant that writes, as the model ``name`` of a comparison is to be asked.

    Raises:
        InputError: the environment does not say where it answers.
        LeanstageError: its server does not start, cannot be reached, or serves other weights.
    """
    chosen = choice()
    if chosen.server:
        with Server(chosen.server, folder) as server:
            yield ServedGenerator.behind(server)
    elif chosen.urls:
        generator = ServedGenerator.at(folder, chosen.address_of(name))
        require_same_texts(folder, generator)
        yield generator
    else:
        yield load_generator(folder)


def open_predictor(folder: Path, name: str) -> Predictor:
    """A variant that classifies; see :func:`open_generator`."""
    chosen = choice()
    if not chosen.urls:
        return load_predictor(folder)
    classifier = _classifier(folder, chosen.address_of(name))
    require_same_classes(folder, classifier)
    return classifier


def require_served(folder: Path, name: str) -> None:
    """Refuse what :func:`open_generator` and :func:`open_predictor` refuse, and ask no more."""
    if VariantManifest.load(folder / MANIFEST).task == "text-generation":
        with open_generator(folder, name):
            return
    open_predictor(folder, name)


class _Behind:
    """What a measurement asks of a predictor that lets a server answer."""

    at_once = MOST_AT_ONCE
    _work: Work

    @property
    def shared(self) -> bool:
        """Whether the server runs for others, too: the candidate's answers the control as well."""
        return not isinstance(self._work, Server)

    def cpu_seconds(self) -> float:
        """Processor time of the server so far."""
        return self._work.cpu_seconds()

    def rss_bytes(self) -> int:
        """Resident memory of the server now."""
        return self._work.rss_bytes()

    def close(self) -> None:
        """Stop the server, where it was started for this."""
        self._work.stop()


class ServedWriter(_Behind, Writer):
    """A model that writes, whose server's work counts as its own."""

    def __init__(self, generator: Generator, work: Work) -> None:
        super().__init__(generator)
        self._work = work


class ServedClassifier(_Behind):
    """A classifier, whose server's work counts as its own."""

    def __init__(self, predictor: Predictor, work: Work) -> None:
        self._predictor = predictor
        self._work = work

    def predict(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Probabilities of shape (texts, classes)."""
        return self._predictor.predict(texts)


def load_served(folder: Path) -> ServedWriter | ServedClassifier:
    """The loader of a measurement: through the server or the one URL that the environment names."""
    folder = Path(folder)
    chosen = choice()
    if chosen.server:
        server = Server(chosen.server, folder)
        return ServedWriter(ServedGenerator.behind(server), server)
    if not chosen.urls:
        raise InputError(f"{ENDPOINT_VARIABLE} names no server.")
    where = chosen.only_address()
    pid = listening_at(where.url)
    work = Elsewhere() if pid is None else Processes(pid)
    if VariantManifest.load(folder / MANIFEST).task == "text-generation":
        return ServedWriter(ServedGenerator.at(folder, where), work)
    return ServedClassifier(_classifier(folder, where), work)


def _classifier(folder: Path, where: Address) -> InferenceClassifier:
    if where.protocol == "openai":
        raise InputError(
            f"{where.url} is asked over OpenAI's protocol, which has no classes; give a classifier "
            "the address http://HOST/v2/models/NAME or http://HOST/v1/models/NAME."
        )
    return InferenceClassifier(folder, where)
