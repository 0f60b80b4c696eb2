"""What is known about one split of a dataset."""

from typing import Literal

from pydantic import Field

from leanstage.contracts.base import Contract, Sha256

Split = Literal["train", "validation", "evaluation", "unlabelled", "production"]
RowForm = Literal["label", "completion", "text"]
"""What a row asks for: the class of its text, the completion of its prompt, or, of a text, the last
word; the perplexity of the last two is over the completion and over the whole text."""


class DatasetInfo(Contract):
    """``dataset.json`` beside ``data.jsonl``: rows of ``text`` and, but for unlabelled, ``label``.

    For a model that generates the rows are of ``prompt`` and ``completion``, or of ``text`` alone.
    ``rows_sha256`` is that of ``data.jsonl``; labels in the rows are class indices of the model.
    """

    split: Split
    source: str
    n: int = Field(ge=0)
    rows_sha256: Sha256
    labels: tuple[str, ...] = ()
    form: RowForm = "label"
    overlap_with_train: int = Field(default=0, ge=0)
    """Rows whose text also stands in the training split (0 unless the policy allows them)."""
