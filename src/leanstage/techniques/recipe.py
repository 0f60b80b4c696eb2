"""How to train a student, as data."""

from typing import Self

from leanstage.contracts import DistillSettings, PruneSettings
from leanstage.contracts.base import Part


class Recipe(Part):
    """How to train a student.

    ``batch_size`` is that of one step, over all processes and ``accumulation`` parts together.
    """

    epochs: int
    learning_rate: float
    batch_size: int
    accumulation: int = 1
    temperature: float
    hidden_weight: float = 0.0
    attention_weight: float = 0.0
    relation_heads: int | None = None
    truth_weight: float = 0.0
    seed: int
    message: str

    @classmethod
    def of(cls, settings: DistillSettings | PruneSettings, *, seed: int, message: str) -> Self:
        """What the settings of a technique say about training."""
        said = settings.model_dump(include=cls.model_fields.keys() & type(settings).model_fields)
        return cls(**said, seed=seed, message=message)

    def described(self) -> dict[str, object]:
        """What a lineage keeps of it."""
        return self.model_dump(exclude={"seed", "message"})
