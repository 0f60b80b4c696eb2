"""What a technique tried, and the variant it leaves behind: applied, skipped or rejected."""

import time
from pathlib import Path
from typing import Any

from leanstage.contracts import Status, Step, Technique, Trial
from leanstage.variant import Variant, pass_through, with_lineage


class Record:
    """The work of one technique on one variant, from its start to the folder it writes."""

    def __init__(self, technique: Technique, parent: Variant, target: Path) -> None:
        self._technique = technique
        self.parent = parent
        self._target = target
        self._started = time.monotonic()
        self.trials: list[Trial] = []
        self.left_out: list[str] = []
        """Why settings that the plan names were no candidates, each as a clause."""
        lineage = parent.manifest.lineage
        self.input_ms_per_answer = lineage[-1].output_ms_per_answer if lineage else None
        """As the step before timed it; a step that times its input anew says so here."""
        self.node = ""
        """Kind of node, where the step depends on it."""

    def after(self, minutes: float | None) -> float | None:
        """The moment of :func:`time.monotonic` so many minutes after the technique began."""
        return None if minutes is None else self._started + 60 * minutes

    def applied(self, variant: Variant, reason: str, settings: dict[str, Any]) -> Variant:
        """Keep ``variant``, with this step in its lineage."""
        step = self._step("applied", reason, settings)
        return with_lineage(variant, self._target, (*self.parent.manifest.lineage, step))

    def skipped(self, reason: str) -> Variant:
        """Pass the parent on: the technique was not tried."""
        return pass_through(self.parent, self._target, self._step("skipped", reason, {}))

    def rejected(self, reason: str) -> Variant:
        """Pass the parent on: nothing that was tried fits."""
        return pass_through(self.parent, self._target, self._step("rejected", reason, {}))

    def _step(self, status: Status, reason: str, settings: dict[str, Any]) -> Step:
        return Step(
            technique=self._technique,
            status=status,
            reason="; ".join([reason, *self.left_out]),
            settings=settings,
            trials=tuple(self.trials),
            input_ms_per_answer=self.input_ms_per_answer,
            node=self.node,
            parent_digest=self.parent.digest,
            seconds=time.monotonic() - self._started,
        )
