"""RunContext: what a run was asked, pinned by ``resolve`` and read by every later room."""

from leanstage.contracts.base import Contract, Sha256
from leanstage.contracts.dataset import DatasetInfo
from leanstage.contracts.decision import Deploy, ModelVersion
from leanstage.contracts.policy import ModelPolicy


class RunContext(Contract):
    """One run: the MLflow run it reports to, the baseline version, its data and its policy."""

    run_id: str
    source: ModelVersion
    pinned_model: str
    baseline_digest: Sha256
    deploy: Deploy
    policy: ModelPolicy
    train: DatasetInfo
    validation: DatasetInfo
    evaluation: DatasetInfo
    unlabelled: DatasetInfo
