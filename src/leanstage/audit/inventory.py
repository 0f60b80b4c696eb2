"""Every version behind a serving alias, models that are hidden as prompts included."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from leanstage.registry.client import RegistryError, connect, pages, refusals

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PAGE = 1000
"""Models; MLflow lets no more through at a time."""
_VERSIONS = 5000
"""The same of versions, each page of which MLflow sorts anew."""
_OLDEST_FIRST = ["creation_timestamp ASC", "name ASC", "version_number ASC"]
HIDDEN = "tags.`mlflow.prompt.is_prompt` = 'true'"
"""The search for versions that a tag hides from every other search."""
_PROMPT = ("prompt-template", "dummy-source")
"""What MLflow names as the source of genuine prompts, behind which there are no bytes."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Serving:
    """A version and the serving aliases that point at it.

    Attributes:
        found: MLflow's version; None where it could not be read.
        version: its number; None where not even the aliases of the model could be read.
        problem: why it could not be read, as a sentence.
    """

    model: str
    version: str | None
    aliases: tuple[str, ...] = ()
    found: Any = None
    problem: str = ""


def serving(aliases: Collection[str], tell: Tell) -> Iterator[Serving]:
    """Every version that one of the aliases points at, one at a time.

    Tags hide models and versions from searches as if they were prompts, so prompts are searched
    too; those that are genuine have no bytes behind them.

    Raises:
        RegistryError: MLflow cannot be searched.
    """
    client = connect()
    wanted = set(aliases)
    models = _Aliases(client, wanted)
    searches = (
        pages(
            client.search_model_versions,
            filter_string=query,
            max_results=_VERSIONS,
            order_by=_OLDEST_FIRST,
        )
        for query in (None, HIDDEN)
    )
    for count, each in enumerate(chain.from_iterable(searches), start=1):
        if count % _VERSIONS == 0:
            tell(f"{count:,} versions read")
        # Pages are cut by position: in this order newcomers only join at the end.
        problem = models.learn(each.name)
        if problem:
            yield Serving(each.name, None, problem=problem)
        pointing = models.take(each.name, str(each.version))
        if pointing and each.source not in _PROMPT:
            yield Serving(each.name, str(each.version), pointing, found=each)
    yield from models.left()


@dataclass
class _Aliases:
    """The serving aliases of every model, by version; what was seen is taken out."""

    client: "MlflowClient"
    wanted: set[str]
    _known: set[str] = field(default_factory=set)
    _open: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for query in (None, HIDDEN):
            search = self.client.search_registered_models
            for model in pages(search, filter_string=query, max_results=_PAGE):
                self._note(model)

    def learn(self, name: str) -> str:
        """Ask for a model that the search did not show; why it cannot be read, where it cannot."""
        if name in self._known:
            return ""
        self._known.add(name)
        try:
            with refusals():
                self._note(self.client.get_registered_model(name))
        except RegistryError as error:
            return str(error)
        return ""

    def take(self, name: str, version: str) -> tuple[str, ...]:
        """The serving aliases that point at a version."""
        return self._open.get(name, {}).pop(version, ())

    def left(self) -> Iterator[Serving]:
        """What an alias points at and no search showed: asked for by its number."""
        for name, versions in self._open.items():
            for version, pointing in versions.items():
                try:
                    with refusals():
                        found = self.client.get_model_version(name, version)
                except RegistryError as error:
                    yield Serving(name, version, pointing, problem=str(error))
                    continue
                if found.source not in _PROMPT:
                    yield Serving(name, version, pointing, found=found)

    def _note(self, model: Any) -> None:
        self._known.add(model.name)
        pointing: dict[str, tuple[str, ...]] = {}
        for alias in sorted(self.wanted & set(model.aliases)):
            version = str(model.aliases[alias])
            pointing[version] = (*pointing.get(version, ()), alias)
        if pointing:
            self._open[model.name] = pointing
