"""What an account is of: a measured comparison, and the form in it that serves."""

import re
from pathlib import Path
from typing import NamedTuple

from leanstage.audit.figures import joules_promoted
from leanstage.audit.history import evidence_of
from leanstage.contracts import Decision, EnergyComparison, EnergyVerdict, Report
from leanstage.contracts.strict import strict_json
from leanstage.errors import InputError
from leanstage.gate.measurement import contradictions
from leanstage.gate.record import signed_statement

_RUN = re.compile(r"[0-9a-f]{32}")


class Subject(NamedTuple):
    """A comparison and the name of the form that serves; None is for the user to say."""

    energy: EnergyComparison
    form: str | None


def subject_of(source: str) -> Subject:
    """The subject that ``source`` names.

    Args:
        source: path of a ``report.json``, of an energy comparison or of what ``leanstage energy
            compare`` wrote, or an MLflow run, whose evidence is held to the decision that was
            signed about it.

    Raises:
        InputError: it is none of them, or holds no energy, or one that its windows do not give.
        LeanstageError: the decision of the run cannot be read or verified.
    """
    path = Path(source)
    if path.is_file():
        found = _in_file(path)
    elif _RUN.fullmatch(source):
        found = _in_run(source)
    else:
        raise InputError(
            f"{source} is neither a file nor an MLflow run; name a report.json, an energy "
            "comparison, or the run that a decision names."
        )
    wrong = contradictions(found.energy)
    if wrong:
        raise InputError(
            f"The energy comparison of {source} contradicts itself ({wrong[0]}); measure again."
        )
    return found


def _in_file(path: Path) -> Subject:
    try:
        fields = strict_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}.") from error
    known = fields.keys() if isinstance(fields, dict) else ()
    if "decision" not in known:
        compared = "comparison" in known
        energy = EnergyVerdict.load(path).comparison if compared else EnergyComparison.load(path)
        return Subject(energy, energy.registered.arm)
    report = Report.load(path)
    promoted = report.decision.promoted
    role = "optimized" if promoted in (None, "baseline") else promoted
    judged = report.candidates.get(report.subject or role)
    if judged is None or judged.energy is None:
        raise InputError(f"{path} holds no energy comparison; measure, then decide again.")
    return Subject(judged.energy, _serving(report.decision, judged.energy))


def _in_run(run_id: str) -> Subject:
    decision = signed_statement(run_id).predicate.decision
    if joules_promoted(decision) is None:
        raise InputError(f"The decision of MLflow run {run_id} tells no energy; measure anew.")
    energy = evidence_of(decision)
    if energy is None:
        raise InputError(
            f"The evidence in MLflow run {run_id} is gone, or is not what the gate signed; run the "
            "pipeline again."
        )
    return Subject(energy, _serving(decision, energy))


def _serving(decision: Decision, energy: EnergyComparison) -> str | None:
    """The form that was promoted; None where nothing was."""
    if decision.promoted is None:
        return None
    ratio = energy.registered
    return ratio.against if decision.promoted == "baseline" else ratio.arm
