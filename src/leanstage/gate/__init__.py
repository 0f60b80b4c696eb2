"""The gate: which model may ship, judged from evidence alone. Nothing here reads or writes."""

from leanstage.gate.evidence import ORDER, Baseline, Candidate, Evidence, evidence_sha256
from leanstage.gate.judge import Judged, accuracy_test, judge, split_confidence
from leanstage.gate.justification import RecordedJustification, check, write_once_params
from leanstage.gate.verdict import OVERRULABLE, decide

__all__ = [
    "ORDER",
    "OVERRULABLE",
    "Baseline",
    "Candidate",
    "Evidence",
    "Judged",
    "RecordedJustification",
    "accuracy_test",
    "check",
    "decide",
    "evidence_sha256",
    "judge",
    "split_confidence",
    "write_once_params",
]
