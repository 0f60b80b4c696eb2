"""What the teacher said, on disk: computed by the first technique, read by those after it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leanstage.contracts import Plan, sha256_json
from leanstage.errors import InputError
from leanstage.tasks import SplitFolder
from leanstage.techniques.arrays import read_arrays, write_arrays
from leanstage.techniques.data import TaughtRows
from leanstage.techniques.generation import TaughtTokens
from leanstage.techniques.generation_teach import teach_tokens
from leanstage.techniques.search import validation_answers
from leanstage.techniques.states import Wanted
from leanstage.techniques.taught import Taught, taught_of
from leanstage.techniques.teach import teach
from leanstage.variant import Variant
from leanstage.variant.checkpoint import read_config
from leanstage.variant.tokens import TextEncoder


@dataclass(frozen=True)
class Answers:
    """The teacher's answers to the rows of a run.

    ``taught`` covers the training and then the unlabelled rows, None where no technique learns;
    ``validation`` has shape (validation rows, classes), and took the teacher
    ``ms_per_answer``; None where the answers were read from disk.
    """

    teacher_digest: str
    reader: str
    """:func:`reader_of` what read the rows of ``taught``."""
    taught: Taught | None
    validation: NDArray[np.float32]
    ms_per_answer: float | None = None

    def with_rows(
        self,
        teacher: Variant,
        reader: Variant,
        *,
        train: SplitFolder | None,
        unlabelled: SplitFolder | None,
        plan: Plan | None,
    ) -> "Answers":
        """With the teacher's answers to the rows to learn from, where there are any.

        Args:
            reader: the teacher, or the teacher as it reads fewer tokens of a text: rows and hidden
                states are then of those tokens, and the answers still to the whole text, as they
                are at hand or asked for.
        """
        splits = [split for split in (train, unlabelled) if split is not None]
        if teacher.manifest.task == "text-generation":
            return replace(self, taught=_read(teacher, splits, plan))
        texts = [text for split in splits for text in split.texts]
        if not texts:
            return self
        labels = train.labels if train is not None else []
        wanted = wanted_by(plan)
        if reader is teacher:
            taught = teach(teacher, texts, labels=labels, wanted=wanted)
        elif wanted.hidden or wanted.relations_of is not None:
            taught = teach(reader, texts, labels=labels, wanted=wanted)
            taught = replace(
                taught,
                logits=self._whole(teacher, texts, taught, reader.manifest.max_length),
                teacher_digest=teacher.digest,
            )
        else:
            whole = self.taught or teach(teacher, texts, labels=labels)
            assert isinstance(whole, TaughtRows), "a teacher that writes reads all of its text"
            encoder = TextEncoder(reader.path, reader.manifest.max_length)
            taught = replace(whole, ids=encoder.ids(texts))
        return replace(self, taught=taught, reader=reader_of(reader))

    def _whole(self, teacher: Variant, texts: Sequence[str], read: TaughtRows, length: int) -> Any:
        """Logits for the whole of each text, of which ``read`` has the first ``length`` tokens."""
        if isinstance(self.taught, TaughtRows):
            return self.taught.logits
        logits = read.logits.clone()
        cut = [row for row, tokens in enumerate(read.lengths) if tokens >= length]
        if cut:
            logits[cut] = teach(teacher, [texts[row] for row in cut]).logits
        return logits

    def save(self, path: Path) -> None:
        """Write the answers as a folder of plain arrays."""
        arrays: dict[str, NDArray[np.generic]] = {
            "teacher_digest": np.array(self.teacher_digest),
            "reader": np.array(self.reader),
            "validation": self.validation,
        }
        if self.taught is not None:
            arrays |= self.taught.arrays()
        write_arrays(path, arrays)


def load_answers(path: Path, teacher: Variant) -> Answers:
    """Read answers and make sure that they are this teacher's.

    Raises:
        InputError: unreadable, or given by another model.
    """
    found = read_arrays(path)
    if not {"validation", "teacher_digest", "reader"} <= found.keys():
        raise InputError(f"{path} does not hold a teacher's answers.")
    digest = str(found["teacher_digest"])
    if digest != teacher.digest:
        raise InputError(
            f"{path} holds the answers of another model ({digest[:12]}) than the teacher "
            f"({teacher.digest[:12]}); let this teacher answer."
        )
    try:
        taught = taught_of(found) if "ids" in found else None
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(
            f"{path} does not hold a teacher's answers as a whole ({type(error).__name__} {error});"
            " let the teacher answer again."
        ) from error
    return Answers(digest, str(found["reader"]), taught, np.array(found["validation"]))


def reader_of(variant: Variant) -> str:
    """SHA-256 (hex) over what decides which tokens a variant reads in a text.

    How far its tokenizer would pad and cut does not: that is decided here.
    """
    tokenizer = json.loads((variant.path / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer |= {"padding": None, "truncation": None}
    pad_id = int(read_config(variant.path).get("pad_token_id") or 0)
    return sha256_json([tokenizer, variant.manifest.max_length, pad_id])


def ask(
    teacher: Variant,
    *,
    validation: SplitFolder,
    train: SplitFolder | None = None,
    unlabelled: SplitFolder | None = None,
    plan: Plan | None = None,
) -> Answers:
    """Let the teacher answer the validation rows and, where given, the rows to learn from.

    Of its hidden states, what the losses of ``plan`` are made of is kept.
    """
    given, cost = validation_answers(teacher, validation)
    answers = Answers(teacher.digest, reader_of(teacher), None, given, cost)
    return answers.with_rows(teacher, teacher, train=train, unlabelled=unlabelled, plan=plan)


def _read(
    teacher: Variant, splits: Sequence[SplitFolder], plan: Plan | None
) -> TaughtTokens | None:
    """What a teacher that writes says to the text; None where there is none.

    Raises:
        InputError: the plan has a loss that is for classes alone.
    """
    wanted = wanted_by(plan)
    if wanted.hidden or wanted.relations_of is not None:
        raise InputError(
            "a student that writes learns from what its teacher would write, not from its inside; "
            "set hidden_weight and attention_weight to 0."
        )
    filled = [split for split in splits if split.texts]
    completions = plan is not None and plan.distill.completions
    return teach_tokens(teacher, filled, completions=completions) if filled else None


def learns(plan: Plan) -> bool:
    """Whether a technique of ``plan`` learns from the teacher, which is asked only then."""
    settings = plan.distill
    return bool(settings.depths or settings.widths or settings.student or plan.prune.ratios)


def wanted_by(plan: Plan | None) -> Wanted:
    """The hidden states that the losses of ``plan`` are made of."""
    if plan is None:
        return Wanted()
    related = plan.distill.attention_weight > 0 or plan.prune.attention_weight > 0
    relations = plan.distill.relation_layer if related else None
    return Wanted(plan.distill.hidden_weight > 0 or plan.prune.hidden_weight > 0, relations)
