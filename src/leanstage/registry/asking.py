"""How a version asks to be optimized, and where the trigger notes what became of that."""

from collections.abc import Mapping

from leanstage.errors import LeanstageError

CANDIDATE = "candidate"
"""The alias that asks."""
OPTIMIZE_TAG = "leanstage.optimize"
"""The tag that asks, where it says ``true``."""
STATUS_TAG = "leanstage.status"
_OF_ONE_VERSION = ("RESOURCE_DOES_NOT_EXIST", "PERMISSION_DENIED", "INVALID_PARAMETER_VALUE")


def asks(tags: Mapping[str, str], *, candidate: bool) -> bool:
    """Whether a version with these tags, and perhaps the alias, asks to be optimized."""
    return candidate or tags.get(OPTIMIZE_TAG, "").strip().lower() == "true"


def of_one_version(error: LeanstageError) -> bool:
    """Whether MLflow refuses one version that is gone or not ours to edit, and not all of them."""
    return getattr(error.__cause__, "error_code", None) in _OF_ONE_VERSION
