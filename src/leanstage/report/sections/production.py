"""Production: do both models answer it alike, and are the rows of the run like it?"""

from leanstage.contracts import Drift, ProductionCheck
from leanstage.report import names
from leanstage.report.document import Cell, Column, Row, Section, Table, Text
from leanstage.report.figures import count, percent, sample, short, span
from leanstage.report.inputs import ReportInputs

UNCHECKED = "Not checked against production"
_ROWS = {"evaluation": "evaluation rows", "train": "training rows"}


def production_section(inputs: ReportInputs) -> Section | None:
    """The candidate that the report is about on a sample of production; None without a candidate.

    Without a sample the section says so: then nothing shows that the evaluation rows are like what
    the model will be asked.
    """
    record = inputs.record(inputs.subject)
    if record is None or record.evaluation is None:
        return None
    check = record.evaluation.production
    if check is None:
        return Section(
            "production",
            "Production",
            f"{UNCHECKED}: no sample of what it asks was given, so nothing shows that the "
            "evaluation rows are like it. Pass one with --production-sample, or name it as "
            "production in the policy.",
        )
    role = names.ROLE[inputs.subject].lower() if inputs.subject else "candidate"
    return Section(
        "production",
        "Production",
        f"On {count(check.n)} rows of production, which nobody learnt from, the {role} answers "
        f"{percent(check.agreement)} as the baseline does (95% interval {_shares(check)}, Wilson). "
        "Agreement is not accuracy: these rows have no labels.",
        (
            _drift_table(check),
            Text(
                f"Sample: SHA-256 {short(check.dataset_sha256)}…, {sample(check.n)}; answers and "
                "scores, row by row, in production.npz beside the evaluation.",
                tone="quiet",
            ),
        ),
    )


def _shares(check: ProductionCheck) -> str:
    return f"{percent(check.ci95[0])} to {percent(check.ci95[1])}"


def _drift_table(check: ProductionCheck) -> Table:
    found = {drift.against: drift for drift in check.drift}
    return Table(
        "Can a classifier tell production from the rows of this run?",
        (
            Column("Told from"),
            Column("AUC, held out", "number"),
            Column("Different texts", "number"),
            Column("What it says", "prose"),
        ),
        tuple(_row(title, found.get(name)) for name, title in _ROWS.items()),  # type: ignore[call-overload]
        "Classifier two-sample test (Lopez-Paz & Oquab 2017): logistic regression on words, pairs "
        "of words and length, five folds. AUC is the chance that it finds a row of production "
        "more like production than one of the others: 0.5 where nothing differs, 1 where every "
        "row gives itself away. 95% interval by Newcombe's method.",
    )


def _row(title: str, drift: Drift | None) -> Row:
    if drift is None:
        return (
            Cell(title.capitalize()),
            Cell("not measured", tone="quiet"),
            Cell(""),
            Cell("Too few different texts in the sample or among these rows."),
        )
    return (
        Cell(title.capitalize()),
        Cell(f"{drift.auc:.3f}", f"95% interval {span(*drift.ci95)}"),
        Cell(f"{count(drift.n)} and {count(drift.n_other)}"),
        _meaning(title, drift),
    )


def _meaning(title: str, drift: Drift) -> Cell:
    if drift.ci95[0] <= 0.5:
        return Cell(f"Not shown to differ from the {title}.", tone="good")
    return Cell(
        f"Differs from the {title}: what they show may not hold in production.", tone="warn"
    )
