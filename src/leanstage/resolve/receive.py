"""Receive: the gate takes a proposal, and everything else from where its author cannot write."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from leanstage import progress
from leanstage.calibrate import find_profile
from leanstage.contracts import ModelPolicy, ModelVersion, Plan, Proposal, Role, RunContext
from leanstage.errors import InputError
from leanstage.gate.keeping import PLAN, PROPOSAL, VARIANT, fetch
from leanstage.gate.policies import policy_for
from leanstage.registry import runs
from leanstage.registry.sources import checkpoint_folder
from leanstage.registry.versions import download
from leanstage.resolve.champion import pin_champion
from leanstage.resolve.data import leaked_rows, require_named_rows, slice_columns
from leanstage.resolve.production import NONE, read_production, unlearnt
from leanstage.tasks import overlap, read_labelled, write_split
from leanstage.variant import Variant, fresh_folder, open_variant
from leanstage.variant.adopt import adopt
from leanstage.variant.digest import regular_files
from leanstage.variant.folder import link_or_copy


@dataclass(frozen=True)
class ReceivedFiles:
    """Where what was received goes."""

    baseline: Path
    train: Path
    evaluation: Path
    production: Path
    champion: Path
    context: Path
    plan: Path
    candidates: Mapping[Role, Path]


def receive(run_id: str, targets: ReceivedFiles, *, request: str = "") -> RunContext:
    """Take the candidates of a proposal; policy, evaluation data and champion are the gate's own.

    So is the hardware that measurements are held against, where the policy names it.

    Of the proposal only names and digests are read: the baseline comes from the registry, the
    candidates' bytes have to hash to what was proposed, nothing that was measured is believed. A
    run of the gate's own is opened for the evidence; ``request`` is what its starter calls it.

    Raises:
        InputError: no proposal there, bytes that changed since, or a policy without the
            evaluation data to judge on.
    """
    with tempfile.TemporaryDirectory(prefix="leanstage-proposal-") as scratch:
        progress.step("fetching the proposal from MLflow")
        kept = _fetched(run_id, Path(scratch))
        proposal = Proposal.load(kept / PROPOSAL)
        source = proposal.source
        policy = _policy(source.name)
        progress.step("fetching the baseline from the registry")
        baseline = _baseline(source, Path(scratch) / "baseline", targets.baseline)
        _require_same(baseline, proposal.baseline_digest, "baseline", run_id)
        for role, digest in (
            ("optimized", proposal.optimized_digest),
            ("fallback", proposal.fallback_digest),
        ):
            candidate = _brought(kept / role / VARIANT, targets.candidates[role])  # type: ignore[index]
            _require_same(candidate, digest, f"{role} candidate", run_id)
        plan = Plan.load(kept / PLAN)
    hardware = find_profile(policy.hardware) if policy.hardware else plan.hardware
    labels = baseline.manifest.labels
    progress.step("reading the evaluation data of the policy")
    evaluation = read_labelled(
        str(policy.evaluation), labels, split="evaluation", columns=slice_columns(policy)
    )
    train = NONE
    if policy.train is not None:
        train = read_labelled(policy.train, labels, split="train")
    write_split(targets.train, train, split="train", labels=labels)
    learn, check = read_production(policy.production or "")
    for half in (learn, check):
        leaked_rows(evaluation, half, f"the production sample {half.source}", policy)
    check = unlearnt(check, train)
    production = write_split(targets.production, check, split="production", labels=())
    info = write_split(
        targets.evaluation,
        evaluation,
        split="evaluation",
        labels=labels,
        overlap_with_train=overlap(evaluation, train),
    )
    require_named_rows(info, policy)
    champion = pin_champion(policy, source.name, labels, targets.champion)
    context = RunContext(
        run_id=runs.start_run(
            source.name,
            {
                "model": f"{source.name}/{source.version}",
                "proposal": run_id,
                "baseline_digest": baseline.digest,
                "policy": policy.name,
                "policy_sha256": policy.sha256(),
                "deploy": proposal.deploy,
                "hardware": hardware.name or hardware.cpu,
                "evaluation_sha256": info.rows_sha256,
            },
            request=request,
        ),
        source=source,
        pinned_model=f"models:/{source.name}/{source.version}",
        baseline_digest=baseline.digest,
        champion=champion,
        deploy=proposal.deploy,
        policy=policy,
        hardware=hardware,
        train=proposal.train,
        validation=proposal.validation,
        evaluation=info,
        unlabelled=proposal.unlabelled,
        production=production if policy.production else None,
        student=proposal.student,
        proposal=run_id,
    )
    progress.output("run_id", context.run_id)
    plan.save(targets.plan)
    context.save(targets.context)
    return context


def _fetched(run_id: str, scratch: Path) -> Path:
    unknown = InputError(
        f"MLflow holds no proposal under {run_id}; give the MLflow run that `leanstage optimize` "
        "printed."
    )
    return fetch(run_id, scratch / "proposal", PROPOSAL, unknown)


def _policy(name: str) -> ModelPolicy:
    """The policy for the model, which has to name the rows: a proposal cannot bring its own."""
    placed = policy_for(name, None)
    if placed.policy.evaluation is None or placed.policy.evaluation_sha256 is None:
        raise InputError(
            f"the policy {placed.policy.name!r} from {placed.where} names no evaluation data; set "
            "evaluation and evaluation_sha256 there, since a proposal cannot bring its own."
        )
    return placed.policy


def _baseline(source: ModelVersion, scratch: Path, target: Path) -> Variant:
    return adopt(checkpoint_folder(download(source, scratch)), target)


def _brought(folder: Path, target: Path) -> Variant:
    """A candidate's files, without anything that is not part of its digest."""
    open_variant(folder)
    with fresh_folder(target) as draft:
        for relative, path in regular_files(folder):
            link_or_copy(path, draft / relative)
    return open_variant(target)


def _require_same(variant: Variant, digest: str, what: str, run_id: str) -> None:
    if variant.digest != digest:
        raise InputError(
            f"the {what} hashes to {variant.digest}, run {run_id} proposed {digest} "
            "(digest.mismatch); propose it again."
        )
