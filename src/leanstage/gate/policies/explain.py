"""A policy in plain sentences, and what a careful reader would ask about it."""

from collections.abc import Iterable

from leanstage.contracts import ModelPolicy
from leanstage.gate.words import percent, points

_WIDE = 0.05


def sentences(policy: ModelPolicy) -> list[str]:
    """What the gate will ask for under ``policy``, one sentence each."""
    found = [
        "It covers every model."
        if "*" in policy.models
        else f"It covers the models {_listed(policy.models)}.",
        f"A candidate may {_loss(policy)} at {percent(policy.confidence)} one-sided confidence, on "
        f"at least {policy.min_n:,} evaluation rows; the error level is shared where there are two "
        "candidates.",
        _slices(policy),
    ]
    if policy.vs_champion:
        found.append(
            f"Nor may it lose more than {points(policy.margin)}{_of_right(policy)} against the "
            "champion that serves at present, so that small losses do not add up."
        )
    else:
        found.append("It is not held against the champion that serves at present.")
    if policy.min_agreement is not None:
        found.append(
            f"On a sample of production it has to be shown, at the same confidence, to give the "
            f"baseline's answer on at least {percent(policy.min_agreement)} of the rows."
        )
    found += [
        _saving(policy),
        *_caps(policy),
        *_load(policy),
        *_data(policy),
        _justification(policy),
    ]
    found.append(
        f"What is promoted is stored in the experiment {policy.promoted_experiment} and becomes "
        f"the champion of {_promoted(policy)}."
    )
    if policy.target is not None:
        place = f"{policy.target.namespace}/{policy.target.service.replace('{name}', 'NAME')}"
        found.append(
            f"The InferenceService {place} is changed to serve it, and put back where it does not "
            f"come up within {policy.target.ready_minutes:g} minutes."
        )
    return found


def warnings(policy: ModelPolicy) -> list[str]:
    """What makes this policy weaker than it may look, one sentence each."""
    found = []
    if policy.evaluation_sha256 is None:
        found.append(
            "evaluation_sha256 is not set: whoever submits a run chooses the rows that it is "
            "judged on."
        )
    if policy.min_agreement is not None and policy.production is None:
        found.append(
            "min_agreement is set and production is not: whoever submits a run chooses the sample."
        )
    if policy.hardware is None:
        found.append(
            "hardware is not set: whoever submits a run says what serves, and on a cluster no run "
            "can start by itself."
        )
    if not policy.approvers:
        found.append("approvers is empty: no justification can ever be accepted.")
    nameless = [approver.experiment for approver in policy.approvers if approver.user is None]
    if nameless:
        found.append(
            f"approvers names no account for {_listed(nameless)}: on a server that keeps "
            "permissions, justifications there are refused."
        )
    unpinned = [
        approver.experiment
        for approver in policy.approvers
        if approver.user is not None and approver.experiment_id is None
    ]
    if unpinned:
        found.append(
            f"approvers names no experiment_id for {_listed(unpinned)}: whoever made an experiment "
            "of that name first may have left a justification in it."
        )
    if policy.margin > _WIDE:
        found.append(f"margin accepts a loss of up to {points(policy.margin)}.")
    if policy.min_saving == 0.0:
        found.append("min_saving is 0: a variant that saves nothing passes.")
    if "declared" in policy.tiers:
        found.append("tiers accepts declared energy: figures that nothing measured.")
    if policy.allow_overlap:
        found.append("allow_overlap accepts evaluation rows that the model was trained on.")
    if not policy.slices:
        found.append("slices is empty: harm to one class of inputs goes unseen.")
    if not policy.vs_champion:
        found.append("vs_champion is off: small losses can add up from one promotion to the next.")
    return found


def _of_right(policy: ModelPolicy) -> str:
    return " of right answers" if policy.metric == "perplexity" else ""


def _loss(policy: ModelPolicy) -> str:
    if policy.metric == "perplexity":
        return (
            f"have at most {percent(policy.tolerance)} more perplexity than the unoptimized "
            f"baseline, and at most {percent(policy.margin)} more"
        )
    metric = {"macro_f1": "macro-F1", "exact_match": "exact match"}.get(policy.metric, "accuracy")
    meant = " (where the model generates, exact match)" if policy.metric == "accuracy" else ""
    return (
        f"lose at most {points(policy.tolerance)} of {metric}{meant} against the unoptimized "
        f"baseline, and at most {points(policy.margin)}"
    )


def _slices(policy: ModelPolicy) -> str:
    if not policy.slices:
        return "Slices of the evaluation rows are not looked at."
    columns = _listed("the true class" if name == "label" else name for name in policy.slices)
    return (
        f"It is blocked where the rows of one value of {columns} are shown to lose more than "
        f"{points(policy.slice_tolerance)} of accuracy; slices too small to tell are reported."
    )


def _saving(policy: ModelPolicy) -> str:
    against = (
        "the baseline in its cheapest unoptimized form on this hardware"
        if policy.reference == "strongest"
        else "the baseline as it is registered"
    )
    text = (
        f"It must save at least {percent(policy.min_saving)} of the energy per answer against "
        f"{against}, at {policy.batch_size} rows a batch, by {_listed(policy.tiers, 'or')} energy"
    )
    if "estimated" in policy.tiers:
        text += f"; {percent(policy.required_saving('estimated'))} where it is only estimated"
    return f"{text}."


def _caps(policy: ModelPolicy) -> list[str]:
    found = []
    if policy.max_latency_p50_ms is not None:
        found.append(
            f"Half of its single answers must come within {policy.max_latency_p50_ms:g} ms."
        )
    if policy.max_latency_p95_ms is not None:
        found.append(
            f"95% of its single answers must come within {policy.max_latency_p95_ms:g} ms."
        )
    if policy.max_bytes is not None:
        found.append(f"It may take at most {policy.max_bytes:,} bytes on disk.")
    return found


def _load(policy: ModelPolicy) -> list[str]:
    found = []
    if policy.serving != "any":
        found.append(f"It has to be loadable by {policy.serving}, which serves it.")
    if policy.request_rate is not None:
        found.append(f"It is planned for {policy.request_rate:g} answers a second.")
    return found


def _data(policy: ModelPolicy) -> list[str]:
    found = []
    named = [
        f"{name} data from {uri}"
        for name in ("train", "validation", "unlabelled", "production", "evaluation")
        if (uri := getattr(policy, name)) is not None
    ]
    if named:
        found.append(f"Runs take {_listed(named)}; a run that names other data is refused.")
    if policy.student is not None:
        found.append(f"A run may distill into the checkpoint {policy.student} and no other.")
    if policy.hardware is not None:
        found.append(
            f"It is planned for, and has to be measured on, the hardware {policy.hardware}."
        )
    if policy.evaluation_sha256 is not None:
        found.append(f"The evaluation rows must hash to {policy.evaluation_sha256}.")
    if policy.allow_overlap:
        found.append("Evaluation rows may also stand in the training data.")
    return found


def _justification(policy: ModelPolicy) -> str:
    if not policy.approvers:
        return "The unoptimized baseline can never ship: nobody may justify it."
    places = _listed(
        (
            f"{approver.experiment} ({approver.user})" if approver.user else approver.experiment
            for approver in policy.approvers
        ),
        "or",
    )
    text = (
        "The unoptimized baseline ships only on a justification that is logged in the MLflow "
        f"experiment {places}"
    )
    if policy.require_permissions:
        text += ", on a server whose permissions show who may write there"
    return f"{text}."


def _promoted(policy: ModelPolicy) -> str:
    if policy.promoted_model == "{name}":
        return "the registered model that it came from"
    return f"the registered model {policy.promoted_model.replace('{name}', 'NAME')}"


def _listed(words: Iterable[object], joint: str = "and") -> str:
    """``a, b and c``."""
    parts = [str(word) for word in words]
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {joint} {parts[-1]}"
