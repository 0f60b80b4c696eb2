"""Where every figure comes from: digests, data, policy, run, hardware, versions, time."""

from leanstage.contracts import Approver
from leanstage.gate.attestation import ENVELOPE, FOLDER
from leanstage.report import names
from leanstage.report.document import Block, Cell, Column, Facts, Section, Table, Text
from leanstage.report.figures import count, moment, plain, sample, seconds, shown, size
from leanstage.report.inputs import ROLES, ReportInputs
from leanstage.report.sections.champion import NONE_YET
from leanstage.report.sections.evidence import evidence_table


def provenance_section(inputs: ReportInputs) -> Section:
    """What the decision rests on, so that it can be checked."""
    blocks: list[Block] = [
        _decision(inputs),
        _hardware(inputs),
        _digests(inputs),
        evidence_table(inputs),
        *_environment(inputs),
    ]
    if inputs.timings:
        blocks.append(_timings(inputs))
    blocks.append(Text(inputs.decision.guarantee, tone="quiet"))
    return Section(
        "provenance",
        "Provenance",
        "The exact bytes, data and rules behind this decision. Digests are SHA-256.",
        tuple(blocks),
    )


def _decision(inputs: ReportInputs) -> Facts:
    decision = inputs.decision
    source = decision.source
    return Facts(
        "Decision",
        (
            ("Model", Cell(f"{source.name}, version {source.version}")),
            ("Registered", Cell(moment(source.created_ms))),
            ("Decided", Cell(decision.decided)),
            ("MLflow run", Cell(decision.run_id, code=True)),
            ("Policy", Cell(decision.policy_name)),
            ("Justifications count in", _approvers(inputs.policy.approvers)),
            ("Champion at that time", _champion(inputs)),
            ("Signed", _signed(inputs)),
            ("leanstage", Cell(inputs.version)),
            ("Decision tree", Cell(inputs.plan.tree_version)),
        ),
    )


def _approvers(approvers: tuple[Approver, ...]) -> Cell:
    """Experiments, each with the account that alone may write there."""
    places = [a.experiment + (f", by {a.user}" if a.user else "") for a in approvers]
    return Cell("; ".join(places) or "no experiment")


def _champion(inputs: ReportInputs) -> Cell:
    champion = inputs.decision.champion
    if champion is None:
        return Cell(NONE_YET)
    version = champion.version
    return Cell(f"{version.name}, version {version.version}")


def _signed(inputs: ReportInputs) -> Cell:
    """Where the signed decision lies, and how to check it; the key is not known here."""
    if inputs.decision.promoted is None:
        return Cell(f"{FOLDER}/{ENVELOPE}", "in MLflow, with the run")
    return Cell(
        f"{FOLDER}/{ENVELOPE}",
        "beside the promoted files and in MLflow; to verify: leanstage verify DIR",
    )


def _digests(inputs: ReportInputs) -> Table:
    decision = inputs.decision
    rows: list[tuple[str, str]] = [
        ("Baseline, content", decision.baseline_digest or "no baseline to hash")
    ]
    for role in ROLES:
        record = inputs.record(role)
        if record is None:
            continue
        rows.append((f"{names.ROLE[role]}, content", record.manifest.digest or "not recorded"))
    rows.append(("Promoted, content", decision.digest or "nothing was promoted"))
    if decision.champion:
        version = names.champion(decision.champion.version, decision.source)
        rows.append((f"Champion ({version}), content", _known(decision.champion.digest)))
    for role in ROLES:
        record = inputs.record(role)
        if record and record.evaluation:
            rows_n = sample(record.evaluation.n)
            label = f"Evaluation data ({rows_n})"
            rows.append((label, record.evaluation.dataset_sha256))
            label = f"{names.ROLE[role]}, answers row by row ({rows_n})"
            rows.append((label, record.evaluation.predictions_sha256))
        if record and record.energy:
            label = f"Energy workload ({count(record.energy.workload.rows)} rows)"
            rows.append((label, record.energy.workload.dataset_sha256))
    rows.append(("Policy", decision.policy_sha256))
    rows.append(("Evidence judged", decision.evidence_sha256))
    if decision.justification:
        rows.append(("Justification", decision.justification.sha256))
    return Table(
        "Digests",
        (Column("What"), Column("SHA-256")),
        tuple(
            (Cell(name), Cell(value, code=len(value) == 64, tone="plain"))
            for name, value in dict.fromkeys(rows)
        ),
    )


def _known(digest: str) -> str:
    """A digest; zeros alone stand for one that nobody recorded."""
    return digest if digest.strip("0") else "not recorded"


def _hardware(inputs: ReportInputs) -> Facts:
    hardware, calibration = inputs.hardware, inputs.hardware.calibration
    return Facts(
        "Hardware that serves",
        (
            ("Profile", _profile(inputs)),
            ("Calibrated", Cell(calibration.measured if calibration else "no")),
            ("Processor", Cell(hardware.cpu)),
            ("Threads", Cell(count(hardware.threads))),
            ("Memory", Cell(size(hardware.memory_bytes))),
            (
                "Instruction sets",
                Cell(plain(hardware.features) if hardware.features else "none recorded"),
            ),
            ("Accelerators", Cell(plain(hardware.accelerators))),
        ),
    )


def _profile(inputs: ReportInputs) -> Cell:
    """Its name and digest, and whether the plan was made for another one."""
    hardware = inputs.hardware
    same = inputs.plan.hardware.sha256() == hardware.sha256()
    return Cell(
        f"{hardware.name or 'the machine of the run'} ({hardware.sha256()[:12]})",
        "" if same else "the plan was made for another profile: its measurements are not these",
        tone="plain" if same else "bad",
    )


def _environment(inputs: ReportInputs) -> tuple[Facts, ...]:
    """Machine, versions and settings of the energy measurement."""
    record = inputs.record(inputs.subject)
    if record is None or record.energy is None or not record.energy.environment:
        return ()
    values = record.energy.environment.items()
    return (Facts("Measured on", tuple((key, Cell(plain(value))) for key, value in values)),)


def _timings(inputs: ReportInputs) -> Table:
    rows = [
        (Cell(stage), Cell(shown(value, seconds, "not recorded")))
        for stage, value in inputs.timings.items()
    ]
    return Table("Time by stage", (Column("Stage"), Column("Time", "number")), tuple(rows))
