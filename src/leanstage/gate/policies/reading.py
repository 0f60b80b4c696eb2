"""Reading a ModelPolicy, and saying what is wrong with it."""

from importlib import resources

from leanstage.contracts import Approver, ModelPolicy
from leanstage.contracts.strict import read_fields, require_known, strict_yaml
from leanstage.errors import InputError
from leanstage.uris import public_uri, shown

PRESETS = ("default", "strict", "lenient")
DEFAULT = "default"


def load_policy(uri: str) -> ModelPolicy:
    """A policy from YAML or JSON at a path or URI, or a preset by its name; empty is the default.

    Raises:
        InputError: unreadable, not a mapping, an unknown key (the nearest known one is named), a
            key that stands twice, or a value out of range.
    """
    uri = uri or DEFAULT
    if uri in PRESETS:
        text = resources.files(__package__).joinpath(f"presets/{uri}.yaml").read_text("utf-8")
        return parse_policy(text, where=f"the preset {uri}")
    import fsspec

    where = shown(uri)
    try:
        with fsspec.open(uri, "rt", encoding="utf-8") as stream:
            text = stream.read()
    except FileNotFoundError:
        raise InputError(
            f"{where} does not exist; give the path of a policy file, or a preset "
            f"({', '.join(PRESETS)})."
        ) from None
    except (OSError, ValueError, ImportError) as error:
        first = public_uri(str(error).replace(uri, where)).strip().splitlines()[0]
        raise InputError(f"{where} cannot be read: {first}.") from error
    return parse_policy(text, where=where)


def parse_policy(text: str, *, where: str) -> ModelPolicy:
    """A policy from YAML or JSON text; ``where`` names its origin in the message.

    Raises:
        InputError: as :func:`load_policy`.
    """
    fields = strict_yaml(text, where=where)
    if isinstance(fields, dict) and isinstance(fields.get("approvers"), list):
        for approver in fields["approvers"]:
            if isinstance(approver, dict):
                require_known(approver, Approver, where=f"{where}, approvers,")
    return read_fields(fields, ModelPolicy, where=where, what="policy")
