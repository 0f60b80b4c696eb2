"""How whoever holds the files can check them and every figure of the card."""

from leanstage.card.subject import Subject
from leanstage.contracts import CardFacts
from leanstage.gate.attestation import ENVELOPE, FOLDER
from leanstage.report.document import Cell, Facts, Section


def verify_section(subject: Subject, facts: CardFacts) -> Section:
    """What is signed, and what a verification has to say."""
    return Section(
        "verify",
        "How to verify",
        f"The signed decision in {FOLDER}/{ENVELOPE} names every file beside it with its SHA-256, "
        "this card included. Ask whoever promoted the model for the public key, and run the "
        "commands below in this folder: both fail on a byte that was changed.",
        (
            Facts(
                "Verifying says",
                (
                    ("Verdict", Cell(facts.verdict, code=True)),
                    ("Content digest", Cell(facts.digest, code=True)),
                    ("Decided", Cell(facts.decided)),
                    ("Policy", Cell(facts.policy, f"SHA-256 {facts.policy_sha256}")),
                    ("Evidence", Cell(facts.evidence_sha256, code=True)),
                    ("MLflow run", Cell(facts.run_id, code=True)),
                    ("leanstage", Cell(subject.inputs.version)),
                ),
            ),
        ),
    )


def commands() -> str:
    """Shell commands that check the files, then the card alone."""
    return "leanstage verify . --key gate.pub\nleanstage card . --key gate.pub\n"
