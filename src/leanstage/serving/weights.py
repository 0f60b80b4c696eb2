"""Whether an endpoint serves the weights that are said to stand behind it."""

from pathlib import Path

from leanstage.errors import LeanstageError
from leanstage.serving.completions import ServedGenerator
from leanstage.serving.inference import InferenceClassifier
from leanstage.variant import load_predictor
from leanstage.variant.generation import load_generator

PROBES = (
    "The parcel came two days late, but the support was friendly and quick.",
    "I have never been so bored, and I would not go there again.",
    "Please send me the invoice for March, and tell me when it is due.",
    "It is neither good nor bad; it does what it says.",
    "What a wonderful evening that was!",
    "The meeting is moved to Thursday at nine.",
    "Nobody answered the phone for an hour.",
    "Shares rose by three percent after the report.",
)
_TOLERANCE = 0.05
"""Of a probability: runtimes round otherwise, and int8 kernels differ between processors."""
_TOKENS = 8


def require_same_classes(folder: Path, served: InferenceClassifier) -> None:
    """Hold what an endpoint says of some texts against what the variant says in this process.

    It tells another model from this one, and as a rule baseline from candidate; no proof, since
    a server may answer as it likes.

    Raises:
        LeanstageError: they do not say the same.
    """
    import numpy as np

    inside, given = load_predictor(folder).predict(PROBES), served.predict(PROBES)
    if set(given.ravel().tolist()) <= {0.0, 1.0}:
        # It names the likeliest class alone, which may be another where two are about as likely.
        ordered = np.sort(inside, axis=-1)
        unsure = ordered[:, -1] - ordered[:, -2] <= _TOLERANCE
        differ = (given.argmax(axis=-1) != inside.argmax(axis=-1)) & ~unsure
    else:
        differ = np.abs(given - inside).max(axis=-1) > _TOLERANCE
    _refuse(served.url, folder, int(differ.sum()), fewest=1)


def require_same_texts(folder: Path, served: ServedGenerator) -> None:
    """The same of a model that writes; half of its answers may differ, as one token leads on."""
    limits = [_TOKENS] * len(PROBES)
    inside = load_generator(folder).generate(PROBES, limits)
    given = served.generate(PROBES, limits)
    differ = sum(mine.strip() != its.strip() for mine, its in zip(inside, given, strict=True))
    _refuse(served.url, folder, differ, fewest=len(PROBES) // 2 + 1)


def _refuse(url: str, folder: Path, differ: int, *, fewest: int) -> None:
    if differ >= fewest:
        raise LeanstageError(
            f"{url} answers {differ} of {len(PROBES)} texts otherwise than the model in {folder} "
            "does here; it serves another model, or other weights."
        )
