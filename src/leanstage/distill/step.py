"""The distill step: the student that saves most of those that the validation split lets pass."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from leanstage.contracts import Plan
from leanstage.distill.candidates import Students
from leanstage.distill.pretrained import bring_student, reads_alike
from leanstage.distill.reading import (
    Reading,
    halves,
    read_less,
    settings_of,
    shortest_reading,
    sparing,
)
from leanstage.errors import InputError
from leanstage.tasks import SplitFolder
from leanstage.techniques.answers import Answers, ask, learns, reader_of
from leanstage.techniques.attempts import Candidate, Search
from leanstage.techniques.data import TaughtRows
from leanstage.techniques.record import Record
from leanstage.techniques.search import Budget
from leanstage.variant import Variant

ASSURANCE = 0.7
"""That the gate clears a reading, before anything is trained: every student is to be made of it."""


def distill(
    teacher: Variant,
    *,
    train: SplitFolder,
    unlabelled: SplitFolder,
    validation: SplitFolder,
    plan: Plan,
    target: Path,
    answers_file: Path,
    student: Path | None = None,
    seed: int = 0,
) -> Variant:
    """Write the student to ``target``, or the teacher unchanged with the reason why.

    First the fewest tokens of a text are looked for that the teacher's answers can do with; they
    may cost a quarter of the tolerance. Students are then searched, from the largest saving down,
    for one that stays within half the tolerance; each learns the teacher's answers to the whole of
    the training and unlabelled rows. Where that leaves plenty, fewer layers are tried, and
    then students that learn to read fewer tokens. The answers go to the folder ``answers_file``,
    as the model in ``target`` reads the rows, for the techniques that follow.

    Args:
        student: folder of a pretrained checkpoint, which is tried where the plan says so.

    Raises:
        InputError: the plan asks for a loss that the data or the student does not allow, or the
            student cannot be one; nothing was trained.
    """
    record = Record("distill", teacher, target)
    settings = plan.distill
    tries = bool(settings.depths or settings.widths or settings.student)
    rows = [*train.texts, *unlabelled.texts] if learns(plan) else []
    if tries and rows:
        _check_truth(teacher, train, plan)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        brought = None
        if settings.student and student is not None and rows:
            start = Path(scratch) / "start"
            brought = bring_student(student, teacher, start, texts=rows, seed=seed)
            _check_inside(teacher, brought, plan, student)
        answers = ask(teacher, validation=validation)
        record.input_ms_per_answer = answers.ms_per_answer
        reader = _reader(teacher, record, answers, validation, plan, Path(scratch))
        given: dict[str, Any] = {"train": train, "unlabelled": unlabelled, "plan": plan}
        if learns(plan):
            answers = answers.with_rows(teacher, reader, **given)
        readings = [Reading(reader, lambda _: answers)]
        if not settings.tries():
            variant = record.skipped("the plan says no")
        elif not tries or answers.taught is None:
            reason = "there is no text to learn from" if tries else "the plan names no student"
            variant = _without_student(record, reader, reason, skipped=True)
        else:
            if brought is not None and reader is not teacher and reads_alike(brought, teacher):
                brought = read_less(brought, reader.manifest.max_length, Path(scratch) / "brought")
            for length in _shorter(reader, validation, plan):
                read = read_less(teacher, length, Path(scratch) / "shorter" / str(length))
                readings.append(Reading(read, partial(answers.with_rows, teacher, **given)))
            students = Students(teacher, readings[0], readings[1:], rows, settings, seed)
            ladders, record.left_out = students.ladders(brought)
            variant = _search(
                students, ladders, record, reader, answers, validation, plan, Path(scratch)
            )
        _hand_on(readings, variant, rows, plan, answers_file)
    return variant


def _reader(
    teacher: Variant,
    record: Record,
    answers: Answers,
    validation: SplitFolder,
    plan: Plan,
    scratch: Path,
) -> Variant:
    """The teacher, or the teacher as it reads fewer tokens where its answers stay the same."""
    if not plan.distill.lengths or teacher.manifest.task != "text-classification":
        return teacher
    # Half of what the technique may lose: a student has to have something to spend.
    whole = Budget.of_training("distill", plan)
    budget = replace(whole, limit=whole.limit / 2, assurance=ASSURANCE)
    folder = scratch / "readings"
    found = shortest_reading(
        teacher,
        plan.distill.lengths,
        record=record,
        budget=budget,
        reference=answers.validation,
        validation=validation,
        folder=folder,
    )
    return found or teacher


def _shorter(reader: Variant, validation: SplitFolder, plan: Plan) -> list[int]:
    """The lengths to which a student may learn to read: those that are worth a training."""
    if reader.manifest.task != "text-classification" or not plan.distill.depths:
        return []
    lengths = sparing(reader, plan.distill.lengths, validation)
    return [length for length in lengths if halves(reader, length, validation)]


def _search(
    students: Students,
    ladders: list[list[Candidate]],
    record: Record,
    reader: Variant,
    answers: Answers,
    validation: SplitFolder,
    plan: Plan,
    scratch: Path,
) -> Variant:
    if not ladders:
        reason = "nothing can be left out of the model, and no student was brought"
        return _without_student(record, reader, reason, skipped=True)
    folder = scratch / "search"
    folder.mkdir()
    search = Search(
        record,
        Budget.of_training("distill", plan),
        reference=answers.validation,
        validation=validation,
        folder=folder,
        minutes=plan.distill.minutes,
    )
    kept = search.most_saving(*ladders)
    if kept is None:
        return _without_student(record, reader, search.nothing("students"), skipped=False)
    if "layers" in kept.trial.settings:
        kept = search.go_on(kept, students.beyond(len(kept.trial.settings["layers"])))
        kept = search.go_on(kept, students.reading_less(kept.trial.settings["layers"]))
    return search.conclude(kept, "students")


def _without_student(record: Record, reader: Variant, reason: str, *, skipped: bool) -> Variant:
    """The teacher reading less, where that is so; else as it came, with the reason."""
    if reader is not record.parent:
        settings = settings_of(reader, record.parent)
        said = f"the first {settings['tokens']} of {settings['of_tokens']} tokens; {reason}"
        return record.applied(reader, said, settings)
    return record.skipped(reason) if skipped else record.rejected(reason)


def _hand_on(
    readings: Sequence[Reading], variant: Variant, texts: list[str], plan: Plan, path: Path
) -> None:
    """Save the answers with the rows as ``variant`` reads them, and the states if they are used."""
    alike = next((one for one in readings if reads_alike(variant, one.variant)), None)
    answers = (alike or readings[0]).answers
    taught, read_by = answers.taught, answers.reader
    if isinstance(taught, TaughtRows):
        if alike is None:
            taught, read_by = taught.read_by(variant, texts), reader_of(variant)
        elif not plan.prune.ratios or plan.prune.hidden_weight + plan.prune.attention_weight == 0:
            taught = taught.without_states()
    replace(answers, taught=taught, reader=read_by).save(path)


def _check_truth(teacher: Variant, train: SplitFolder, plan: Plan) -> None:
    weight = plan.distill.truth_weight
    by_class = teacher.manifest.task == "text-classification"
    if by_class and weight > 0 and not train.labels:
        raise InputError(
            f"the plan mixes the ground truth into the loss (truth_weight {weight:g}), and no row "
            "to learn from has a label; bring labelled training rows, or set it to 0."
        )


def _check_inside(teacher: Variant, student: Variant, plan: Plan, folder: Path) -> None:
    """Refuse what only the teacher's tokenizer allows; beside other students answers will do."""
    settings = plan.distill
    if reads_alike(student, teacher):
        return
    where = f"the student in {folder} has another tokenizer than the teacher"
    if teacher.manifest.task == "text-generation":
        raise InputError(
            f"{where}, and a model that writes learns its teacher's next tokens; bring a student "
            "with the teacher's tokenizer."
        )
    weights = {name: getattr(settings, name) for name in ("hidden_weight", "attention_weight")}
    asked = [f"{name} {weight:g}" for name, weight in weights.items() if weight > 0]
    if asked and not (settings.depths or settings.widths):
        raise InputError(
            f"{where}, token by token of which the losses of the plan compare the inside "
            f"({', '.join(asked)}); set them to 0, or bring a student with the teacher's tokenizer."
        )
