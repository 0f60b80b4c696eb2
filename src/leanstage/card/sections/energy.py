"""Inference energy of every variant in every precision that was measured."""

from collections.abc import Callable
from itertools import groupby

from leanstage.accounts import figure as quantity
from leanstage.card.subject import Subject
from leanstage.contracts import CardedEnergy, CardFacts
from leanstage.report import names
from leanstage.report.document import Cell, Column, Row, Section, Table
from leanstage.report.figures import change, ratio, shown, significant, span


def energy_section(subject: Subject, facts: CardFacts) -> Section:
    """One table a load; the load that the policy judges first."""
    energy = subject.energy
    if energy is None or not facts.energy:
        return Section("energy", "Inference energy", "It was not measured.")
    writes = energy.workload.tokens_per_answer
    answer = f"{writes:,} tokens written to one prompt" if writes else "one row of text answered"
    tables = tuple(
        _table(subject, list(figures), first=load == _load(facts.energy[0]))
        for load, figures in groupby(sorted(facts.energy, key=_order(facts)), key=_load)
    )
    return Section(
        "energy",
        "Inference energy",
        f"Tier {energy.meter.tier}: {names.TIER[energy.meter.tier]}. One answer is {answer}. "
        "Energy is gross, what the machine draws at rest included.",
        tables,
    )


def _load(figure: CardedEnergy) -> tuple[int, float | None, int | None]:
    return figure.batch_size, figure.request_rate, figure.tokens_per_answer


def _order(facts: CardFacts) -> Callable[[CardedEnergy], int]:
    """Loads as they stand in the evidence, the judged one first."""
    loads = list(dict.fromkeys(map(_load, facts.energy)))
    return lambda figure: loads.index(_load(figure))


def load_title(figure: CardedEnergy) -> str:
    """The load of a figure in words."""
    batch = figure.batch_size
    title = "One request at a time" if batch == 1 else f"In batches of {batch}"
    if figure.request_rate is not None:
        title = f"At {figure.request_rate:g} answers per second, as production asks"
    if figure.tokens_per_answer == 1:
        title += ", one token written: reading the prompt"
    return f"{title}; the policy judges here" if figure.judged else title


def _table(subject: Subject, figures: list[CardedEnergy], *, first: bool) -> Table:
    writes = any(each.joules_per_output_token is not None for each in figures)
    decodes = any(each.decode_joules_per_token is not None for each in figures)
    note = (
        "Intervals are over the blocks of the measurement. Against registered: over the baseline "
        "in the form that was registered, block by block, with its 95% interval."
    )
    return Table(
        load_title(figures[0]),
        (
            Column("Variant"),
            Column("Runtime, precision"),
            Column("J/answer", "number"),
            Column("95% interval", "number"),
            *([Column("J/output token", "number")] if writes else []),
            *([Column("After the first", "number")] if decodes else []),
            Column("Wh per 1,000", "number"),
            Column("Against registered", "number"),
            Column("Tier"),
        ),
        tuple(_row(subject, each, writes, decodes) for each in figures),
        note if first else "",
    )


def _row(subject: Subject, figure: CardedEnergy, writes: bool, decodes: bool) -> Row:
    return (
        Cell(
            _variant(subject, figure),
            "overloaded: it answers fewer than are asked for" if figure.overloaded else "",
        ),
        Cell(names.form(figure.runtime, figure.precision)),
        Cell(significant(figure.joules_per_answer)),
        Cell(_joules(figure.ci95)),
        *([_token(figure.joules_per_output_token)] if writes else []),
        *([_token(figure.decode_joules_per_token)] if decodes else []),
        Cell(significant(_wh_per_1000(figure.joules_per_answer))),
        _against(subject, figure),
        Cell(figure.tier),
    )


def _wh_per_1000(joules_per_answer: float) -> float:
    thousand = quantity(joules_per_answer, "joule/answer") * quantity(1000, "answer")
    return thousand.to("Wh")[0]


def _token(joules: float | None) -> Cell:
    return Cell(shown(joules, significant))


def _variant(subject: Subject, figure: CardedEnergy) -> str:
    if figure.variant == subject.role and figure.form == subject.arm:
        return "This model"
    if figure.variant == "baseline":
        registered = subject.energy and figure.form == subject.energy.registered.against
        return "Baseline as registered" if registered else "Baseline in another form"
    return f"{names.ROLE[figure.variant]}, not promoted"


def _joules(ci95: tuple[float, float] | None) -> str:
    return f"{significant(ci95[0])} to {significant(ci95[1])}" if ci95 else "not on record"


def _against(subject: Subject, figure: CardedEnergy) -> Cell:
    if figure.ratio is None or figure.ratio_ci95 is None:
        itself = subject.energy and figure.form == subject.energy.registered.against
        return Cell("1" if itself else "not on record")
    return Cell(change(figure.ratio), f"{ratio(figure.ratio)}, {span(*figure.ratio_ci95)}")
