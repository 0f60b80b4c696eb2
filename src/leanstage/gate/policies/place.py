"""Where policies live: at a place that whoever submits a run cannot write to."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from leanstage.contracts import ModelPolicy
from leanstage.errors import InputError
from leanstage.gate.policies.reading import DEFAULT, load_policy, parse_policy
from leanstage.registry import runs
from leanstage.registry.client import connect, embedded, experiment_id, pages, refusals

POLICY_VARIABLE = "LEANSTAGE_POLICY"
TREE_VARIABLE = "LEANSTAGE_TREE"
TREE_FILES = ("decision-tree.yaml", "decision-tree.yml")
IN_MLFLOW = "mlflow:"
POLICY_FILE = "policy.yaml"


@dataclass(frozen=True)
class Placed:
    """The policy that holds for a model.

    ``trusted`` where submitters cannot have written it, as far as this installation can tell.
    """

    policy: ModelPolicy
    where: str
    trusted: bool


def policy_for(name: str, stated: ModelPolicy | None) -> Placed:
    """The policy for the registered model ``name``, whatever a run states.

    ``LEANSTAGE_POLICY`` names a file, a folder of files (a mounted ConfigMap) or
    ``mlflow:EXPERIMENT``. Unset, the default preset holds on a server, and with the embedded
    MLflow, which has one user, the policy that the run states.

    Raises:
        InputError: no policy there covers the model, or two do equally well.
    """
    place = os.environ.get(POLICY_VARIABLE)
    if place:
        return Placed(covering(_policies_at(place), name, place), place, True)
    if embedded():
        return Placed(stated or load_policy(DEFAULT), "the run", False)
    return Placed(load_policy(DEFAULT), f"the preset {DEFAULT}", True)


def policies_here() -> tuple[list[ModelPolicy], str]:
    """Every policy that this installation keeps, and where; without a place, the default preset.

    Raises:
        InputError: one of them cannot be read, or stands twice.
    """
    place = os.environ.get(POLICY_VARIABLE)
    if place:
        return _policies_at(place), place
    return [load_policy(DEFAULT)], f"the preset {DEFAULT}"


def tree_override() -> Path | None:
    """The branches that the organization adds to the decision tree; None where it has none.

    ``LEANSTAGE_TREE`` names the file; unset, it is ``decision-tree.yaml`` beside the policies,
    where these are a folder.

    Raises:
        InputError: two files there hold branches.
    """
    named = os.environ.get(TREE_VARIABLE)
    if named:
        return Path(named)
    place = os.environ.get(POLICY_VARIABLE)
    beside = [path for name in TREE_FILES if place and (path := Path(place) / name).is_file()]
    if len(beside) > 1:
        raise InputError(f"{place} holds {' and '.join(TREE_FILES)}; keep one of them.")
    return beside[0] if beside else None


def disagreement(stated: ModelPolicy, placed: Placed) -> str | None:
    """One sentence where a run states another policy than the one that holds for it."""
    if stated.sha256() == placed.policy.sha256():
        return None
    return (
        f"The run states the policy {stated.name} ({stated.sha256()[:12]}); "
        f"{placed.policy.name} ({placed.policy.sha256()[:12]}) from {placed.where} holds for "
        "this model."
    )


def covering(policies: Sequence[ModelPolicy], name: str, where: str) -> ModelPolicy:
    """The policy whose glob fits ``name`` most closely: with the most literal characters.

    Raises:
        InputError: none fits, or two fit equally well.
    """
    fits = sorted(
        (
            (sum(character not in "*?[]" for character in glob), policy)
            for policy in policies
            for glob in policy.models
            if fnmatchcase(name, glob)
        ),
        key=lambda fit: -fit[0],
    )
    if not fits:
        raise InputError(f"no policy in {where} covers the model {name!r}; add one for it there.")
    closest = {policy.name for literal, policy in fits if literal == fits[0][0]}
    if len(closest) > 1:
        raise InputError(
            f"the policies {' and '.join(sorted(closest))} in {where} cover the model {name!r} "
            "equally well; give one of them a closer name glob."
        )
    return fits[0][1]


def lacking(policy: ModelPolicy, *, split: bool = False, hardware: bool = False) -> str | None:
    """In a sentence, what a run that starts by itself would need of a policy; None: nothing.

    Args:
        split: whether optimizing and deciding are two runs.
        hardware: whether the run has to be told what serves, as on a cluster.
    """
    needed = ["train", "evaluation"]
    needed += ["evaluation_sha256"] if split else []
    needed += ["hardware"] if hardware else []
    missing = [name for name in needed if getattr(policy, name) is None]
    if not missing:
        return None
    return (
        f"the policy {policy.name!r} names no {' and no '.join(missing)}; set it there, since "
        "nobody names it for a run that starts by itself."
    )


def publish(policy: ModelPolicy, experiment: str) -> str:
    """Keep a policy in an MLflow experiment that only the gate may write to; returns its run."""
    client = connect()
    with refusals():
        run = client.create_run(experiment_id(client, experiment), run_name=policy.name)
        run_id = str(run.info.run_id)
        client.log_param(run_id, "policy", policy.name)
        client.log_param(run_id, "policy_sha256", policy.sha256())
    with tempfile.TemporaryDirectory(prefix="leanstage-policy-") as scratch:
        path = Path(scratch) / POLICY_FILE
        path.write_text(yaml.safe_dump(policy.model_dump(mode="json")), encoding="utf-8")
        runs.log_file(run_id, path)
    runs.end_run(run_id, "FINISHED")
    return run_id


def _policies_at(place: str) -> list[ModelPolicy]:
    if place.startswith(IN_MLFLOW):
        found = _published(place.removeprefix(IN_MLFLOW))
    elif Path(place).is_dir():
        # A mounted ConfigMap also holds its files in a hidden folder; only the top is read.
        files = sorted(
            path
            for path in Path(place).iterdir()
            if path.suffix in (".yaml", ".yml") and path.name not in TREE_FILES
        )
        found = [load_policy(str(path)) for path in files]
    else:
        return [load_policy(place)]
    names = [policy.name for policy in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"the policy {twice[0]} stands twice in {place}; keep one of them.")
    return found


def _published(experiment: str) -> list[ModelPolicy]:
    """The newest finished run of every policy in an experiment."""
    client = connect()
    with refusals():
        found = client.get_experiment_by_name(experiment)
    if found is None:
        raise InputError(f"MLflow has no experiment {experiment!r} to read policies from.")
    newest: dict[str, ModelPolicy] = {}
    search = pages(
        client.search_runs,
        experiment_ids=[found.experiment_id],
        filter_string="attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
    )
    for run in search:
        name = run.data.params.get("policy")
        if name is None or name in newest:
            continue
        where = f"run {run.info.run_id} of {experiment}"
        with tempfile.TemporaryDirectory(prefix="leanstage-policy-") as scratch:
            path = runs.fetch_artifact(run.info.run_id, POLICY_FILE, Path(scratch))
            policy = parse_policy(path.read_text(encoding="utf-8"), where=where)
        if policy.sha256() != run.data.params.get("policy_sha256"):
            raise InputError(f"the policy in {where} was changed after it was published.")
        newest[name] = policy
    return list(newest.values())
