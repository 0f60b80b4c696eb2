"""RunContext: what a run was asked, pinned by ``resolve`` and read by every later room."""

from leanstage.contracts.base import Contract, Sha256
from leanstage.contracts.dataset import DatasetInfo
from leanstage.contracts.decision import Champion, Deploy, ModelVersion
from leanstage.contracts.plan import HardwareProfile
from leanstage.contracts.policy import ModelPolicy
from leanstage.contracts.student import PretrainedStudent


class RunContext(Contract):
    """One run: the MLflow run it reports to, the baseline version, its data and its policy."""

    run_id: str
    source: ModelVersion
    pinned_model: str
    baseline_digest: Sha256
    champion: Champion | None
    deploy: Deploy
    policy: ModelPolicy
    hardware: HardwareProfile
    """What serves the model: planned for, and held against the node that measures."""
    train: DatasetInfo
    validation: DatasetInfo
    evaluation: DatasetInfo
    unlabelled: DatasetInfo
    """Text to learn from; the half of the production sample that is learnt from stands in it."""
    production: DatasetInfo | None = None
    """The other half of that sample, to check candidates on; None where no sample was given."""
    student: PretrainedStudent | None = None
    """Checkpoint that was brought to distill into."""
    proposal: str | None = None
    """MLflow run that proposed the candidates, where the decision is made apart from it."""


class Proposal(Contract):
    """What ``optimize`` leaves in MLflow for the gate: names and digests, to be checked there."""

    run_id: str
    source: ModelVersion
    baseline_digest: Sha256
    optimized_digest: Sha256
    fallback_digest: Sha256
    deploy: Deploy
    train: DatasetInfo
    validation: DatasetInfo
    unlabelled: DatasetInfo
    student: PretrainedStudent | None = None
