"""Which image a component runs in: one name and one tag for wheel, image and compiled pipeline."""

import os
from importlib.metadata import version

REGISTRY_VARIABLE = "LEANSTAGE_REGISTRY"
TAG_VARIABLE = "LEANSTAGE_TAG"
NAMES = ("control", "torch")


def image(name: str) -> str:
    """The reference of the image ``name`` (``control`` or ``torch``).

    Registry and tag are read when the component is decorated, so that one wheel serves every
    registry; the tag is the package's version unless told otherwise.
    """
    registry = os.environ.get(REGISTRY_VARIABLE, "leanstage")
    tag = os.environ.get(TAG_VARIABLE) or version("leanstage")
    return f"{registry}/leanstage-{name}:{tag}"
