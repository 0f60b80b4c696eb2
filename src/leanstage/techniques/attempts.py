"""The search of one technique: every attempt on record, the chosen model on disk as trained."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leanstage import progress
from leanstage.contracts import Trial
from leanstage.errors import LeanstageError
from leanstage.tasks import SplitFolder
from leanstage.techniques.patience import LateError, ending_by, require_time
from leanstage.techniques.record import Record
from leanstage.techniques.search import Budget, compare, most_saving, tried
from leanstage.techniques.validity import objection
from leanstage.variant import Variant

NOISE = 0.05
"""Differences in time below this share are those of one timing from the next."""
LEAST_SECONDS = 1.0
"""No training is begun for less."""
PLENTY = 0.5
"""Share of its limit that a candidate has to leave for a search to go on below it."""


@dataclass(frozen=True)
class Candidate:
    """One setting to try.

    ``make`` trains it and writes it to the folder it is given; ``own_tokenizer`` where it reads
    text in its own way; ``parent`` is what it was made from, the record's where it is None.
    """

    name: str
    settings: dict[str, Any]
    make: Callable[[Path], Variant]
    own_tokenizer: bool = False
    parent: Variant | None = None


@dataclass(frozen=True)
class Kept:
    """A candidate that fits: its variant is on disk."""

    name: str
    variant: Variant
    trial: Trial


class Search:
    """Tries candidates of one technique against the answers of the line's baseline.

    Args:
        record: takes every trial, in the order of trying.
        reference: the baseline's answers on ``validation``.
        folder: an empty one on the file system of the result; it holds two models a ladder at
            most, and another while that is judged.
        minutes: from the beginning of the record to the end of the last training; None: any.
    """

    def __init__(
        self,
        record: Record,
        budget: Budget,
        *,
        reference: NDArray[np.float32],
        validation: SplitFolder,
        folder: Path,
        minutes: float | None = None,
    ) -> None:
        self._record = record
        self._end = record.after(minutes)
        self._budget = budget
        self._reference = reference
        self._validation = validation
        self._folder = folder
        self._names: list[str] = []

    def most_saving(self, *ladders: Sequence[Candidate]) -> Kept | None:
        """The best of the :func:`most_saving` candidates of each ladder; None where none fits.

        Of two ladders the first wins, unless the later one takes 5% less time: what
        fits of one ladder says nothing about the other.
        """
        best: Kept | None = None
        for ladder in ladders:
            found = self._descend(ladder)
            if best is None or (found is not None and _cheaper(found.trial, best.trial)):
                best = found
        return best

    def conclude(self, kept: Kept | None, plural: str) -> Variant:
        """Write what was found, or the parent with the figures of what came closest."""
        if kept is None:
            return self._record.rejected(self.nothing(plural))
        reason = f"{kept.name}; {kept.trial.reason}"
        return self._record.applied(kept.variant, reason, kept.trial.settings)

    def go_on(self, kept: Kept, ladder: Sequence[Candidate]) -> Kept:
        """The best of ``kept`` and, where that leaves plenty of what may be lost, of ``ladder``.

        What fits of the latter has to by a standard error.
        """
        figures = kept.trial.validation
        most = (1 - PLENTY) * self._budget.limit
        if figures is None or figures.probability_drop > most:
            return kept
        found = self._descend(ladder, surely=True)
        if found is None:
            return kept
        best, other = (found, kept) if _cheaper(found.trial, kept.trial) else (kept, found)
        shutil.rmtree(other.variant.path)
        return best

    def _descend(self, ladder: Sequence[Candidate], *, surely: bool = False) -> Kept | None:
        found: Kept | None = None

        def fits(candidate: Candidate) -> bool:
            nonlocal found
            try:
                kept = self._attempt(candidate, surely)
            except LateError:
                # What saves more is smaller, and may still end in time; what saves less is not.
                return True
            if kept is None:
                return False
            # Of one ladder, what fits later saves more: bisection goes on above it alone.
            if found is not None:
                shutil.rmtree(found.variant.path)
            found = kept
            return True

        most_saving(ladder, fits)
        return found

    def _attempt(self, candidate: Candidate, surely: bool) -> Kept | None:
        path = self._folder / str(len(self._names))
        try:
            with ending_by(self._end):
                require_time(LEAST_SECONDS)
                variant = candidate.make(path)
        except LateError as error:
            self._tell(candidate, Trial(settings=candidate.settings, fits=False, reason=f"{error}"))
            raise
        trial = self._judge(candidate, variant, surely)
        self._tell(candidate, trial)
        if trial.fits:
            return Kept(candidate.name, variant, trial)
        shutil.rmtree(path)
        return None

    def _tell(self, candidate: Candidate, trial: Trial) -> None:
        self._record.trials.append(trial)
        self._names.append(candidate.name)
        progress.step(f"{candidate.name}: {trial.reason}")

    def _judge(self, candidate: Candidate, variant: Variant, surely: bool) -> Trial:
        manifest, settings = variant.manifest, candidate.settings
        parent = candidate.parent or self._record.parent
        problem = objection(variant, parent, own_tokenizer=candidate.own_tokenizer)
        if problem is not None:
            return tried(manifest, False, problem, settings=settings)
        try:
            figures, cost = compare(variant, self._reference, self._validation)
        except LeanstageError as error:
            return tried(manifest, False, f"does not answer: {error}", settings=settings)
        form = self._validation.info.form
        fits, reason = self._budget.judge(figures, form, surely=surely)
        return tried(
            manifest,
            fits,
            reason,
            settings=settings,
            validation=figures,
            limit=self._budget.limit,
            ms_per_answer=cost,
        )

    def nothing(self, plural: str) -> str:
        """Why nothing is applied: what came closest, with its figures.

        Args:
            plural: what the candidates are called.
        """
        trials = self._record.trials[-len(self._names) :]
        found = list(zip(self._names, trials, strict=True))
        drops = [(t.validation.probability_drop, n, t) for n, t in found if t.validation]
        # Within the limit, and refused for what the gate could not tell.
        within = any(drop <= self._budget.limit for drop, _, _ in drops)
        what = "fits" if within else f"stayed within {self._budget.limit:.2%}"
        said = f"none of {len(self._names)} {plural} {what}"
        name, trial = min(drops)[1:] if drops else found[-1]
        return f"{said}; the closest, {name}: {trial.reason}"


def _cheaper(one: Trial, other: Trial) -> bool:
    if one.ms_per_answer is None or other.ms_per_answer is None:
        return False
    return one.ms_per_answer <= other.ms_per_answer * (1 - NOISE)
