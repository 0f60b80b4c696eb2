"""The tree as a page: facts, pictures, every branch with its reason and source."""

from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from leanstage.contracts import Branch, DecisionTree, Fact, Quantity
from leanstage.plan.measured import BATCH_FACTOR, LEAST_SAVING, SHAPE_FACTOR
from leanstage.plan.picture import technique_picture
from leanstage.plan.predicates import in_words


def page(tree: DecisionTree) -> str:
    """The page in Markdown; the same tree always gives the same text."""
    here = files("leanstage.plan")
    # Markdown for people who can change the tree anyway; nothing of it is HTML.
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    template = environment.from_string(here.joinpath("page.md.j2").read_text("utf-8"))
    return template.render(
        tree=tree,
        kind=_kind,
        when=lambda branch: in_words(branch.when),
        ending=_ending,
        cell=_cell,
        picture=technique_picture,
        shape_factor=f"{SHAPE_FACTOR:g}",
        batch_factor=f"{BATCH_FACTOR:g}",
        bound=f"{1 - LEAST_SAVING:g}",
        example=here.joinpath("example.yaml").read_text("utf-8"),
    )


def _kind(fact: Fact) -> str:
    if isinstance(fact, Quantity):
        unit = f", {fact.unit}" if fact.unit else ""
        upper = "" if fact.max is None else f" to {fact.max:g}"
        return f"{fact.type} from {fact.min:g}{upper}{unit}{', or unknown' * fact.optional}"
    words = ", ".join(f"`{word}`" for word in fact.values)
    return f"one of {words}" if fact.type == "choice" else f"any of {words}"


def _ending(branch: Branch) -> str:
    """What follows a branch: the question, or the settings as they stand in the file."""
    if branch.settings is None:
        return f"→ `{branch.then}`"
    settings = ", ".join(f"{name} {_plain(value)}" for name, value in branch.settings.items())
    return f"**{settings}**"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(f"{item}" for item in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
