"""Which file of the run every kind of figure was read from, and what stands behind it."""

from leanstage.contracts import Role
from leanstage.report import names
from leanstage.report.document import Cell, Column, Row, Table
from leanstage.report.figures import count, sample
from leanstage.report.inputs import ROLES, CandidateRecord, ReportInputs


def evidence_table(inputs: ReportInputs) -> Table:
    """One row for each kind of figure; files by their path among the artifacts of the run."""
    rows: list[Row] = []
    for role in ROLES:
        record = inputs.record(role)
        if record is not None:
            rows += _candidate(role, record)
    rows += [
        _row("Verdict, limits and bounds", "decision.json", "signed by the gate"),
        _row("Why these techniques", "plan.json", f"decision tree {inputs.plan.tree_version}"),
    ]
    if inputs.factors is not None:
        behind = f"{inputs.factors.region}, {inputs.factors.boundary}; each factor names its source"
        rows.append(_row("Emissions and cost", "report.json, factors", behind))
    return Table(
        "Where each figure comes from",
        (Column("Figure"), Column("File"), Column("What stands behind it", "prose")),
        tuple(rows),
        "Files are artifacts of the MLflow run above. What is derived from them, such as steps, "
        "settings tried, emissions and cost, stands as data in report.json.",
    )


def _candidate(role: Role, record: CandidateRecord) -> list[Row]:
    title = names.ROLE[role]
    rows = []
    if record.evaluation is not None:
        rows.append(
            _row(
                f"{title}: accuracy, slices, flips",
                f"{role}/evaluation/evaluation.json",
                f"{sample(record.evaluation.n)}; computed again by the gate from every answer",
            )
        )
    if record.energy is not None:
        energy = record.energy
        rows.append(
            _row(
                f"{title}: energy, latency, memory",
                f"{role}/energy.json",
                f"{energy.meter.name}, {energy.meter.tier}; {count(len(energy.windows))} windows "
                f"in {count(energy.registered.blocks)} blocks",
            )
        )
    tried = [trial.validation for step in record.manifest.lineage for trial in step.trials]
    split = ", ".join(dict.fromkeys(sample(figures.n) for figures in tried if figures))
    rows.append(
        _row(
            f"{title}: size, steps, settings tried",
            f"{role}/variant/leanstage.json",
            f"validation split, {split}" if split else "counted in the files",
        )
    )
    return rows


def _row(figure: str, file: str, behind: str) -> Row:
    return (Cell(figure), Cell(file, code=" " not in file), Cell(behind))
