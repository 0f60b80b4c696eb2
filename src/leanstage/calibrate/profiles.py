"""Hardware profiles by name: kept in MLflow, found again, and ``auto`` where that is allowed."""

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from leanstage.cluster import on_cluster
from leanstage.contracts import HardwareProfile
from leanstage.errors import InputError
from leanstage.registry import runs
from leanstage.registry.client import connect, experiment_id, quoted, refusals
from leanstage.uris import public_uri, shown
from leanstage.variant.hardware import hardware_profile

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

AUTO = "auto"
EXPERIMENT = "leanstage-hardware"
FILE = "profile.json"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_NAME_TAG = "leanstage.hardware"
_SHA256_TAG = "leanstage.hardware_sha256"
_NODE_TAG = "leanstage.node_sha256"


def is_name(wanted: str) -> bool:
    """Whether a profile is asked for by its name, or ``auto``, and not by a path or URI."""
    return _NAME.fullmatch(wanted) is not None and not wanted.endswith(".json")


def hardware_of(wanted: str) -> HardwareProfile:
    """The hardware to plan for: a profile by name or place, or this machine for ``auto``.

    Raises:
        InputError: ``auto`` on a cluster, or see :func:`find_profile`.
    """
    if wanted != AUTO:
        return find_profile(wanted)
    if on_cluster():
        raise InputError(
            "on a cluster the hardware cannot be 'auto', since this pod need not run where the "
            "model serves; calibrate the serving nodes (leanstage submit --pipeline calibrate "
            "--param profile=NAME), then name that profile in the policy (hardware: NAME) or the "
            "run."
        )
    return hardware_profile()


def find_profile(name_or_path: str) -> HardwareProfile:
    """A profile from a file or URI, or the newest of a name in MLflow.

    Args:
        name_or_path: a name; or what ends in ``.json`` or holds a slash, as fsspec opens it.

    Raises:
        InputError: nothing is there, or it is no profile.
        RegistryError: MLflow cannot be asked.
    """
    if not name_or_path:
        raise InputError("no hardware profile was named; give a name, a path, a URI or 'auto'.")
    if is_name(name_or_path):
        return _newest(name_or_path)
    import fsspec

    where = shown(name_or_path)
    try:
        with fsspec.open(name_or_path, "rt", encoding="utf-8") as stream:
            text = stream.read()
    except FileNotFoundError as error:
        # So says fsspec of a host that does not answer, too.
        away = isinstance(error.__cause__, OSError)
        raise InputError(
            f"{where} {'cannot be reached' if away else 'does not exist'}; give the profile that "
            "leanstage calibrate wrote."
        ) from None
    except ImportError as error:
        raise InputError(f"{where} needs a library that is not installed: {error}.") from error
    except (OSError, ValueError) as error:
        reason = public_uri(str(error).replace(name_or_path, where))
        raise InputError(f"{where} cannot be read: {reason}.") from error
    return HardwareProfile.parse(text, where=where)


def log_profile(profile: HardwareProfile) -> str:
    """Keep a profile in MLflow under its name; returns the run.

    Raises:
        InputError: the profile has no name to be found by, or would hide a calibrated one.
        RegistryError: MLflow refuses.
    """
    require_name(profile.name)
    client = connect()
    newest = _finished(client, profile.name)
    if profile.calibration is None and newest is not None and newest.data.metrics:
        raise InputError(
            f"MLflow holds a calibrated profile {profile.name!r}, which one that measured nothing "
            "would hide; give it another name."
        )
    tags = {
        _NAME_TAG: profile.name,
        _SHA256_TAG: profile.sha256(),
        _NODE_TAG: profile.node_sha256(),
    }
    with refusals():
        run = client.create_run(experiment_id(client, EXPERIMENT), run_name=profile.name, tags=tags)
    run_id = str(run.info.run_id)
    with tempfile.TemporaryDirectory(prefix="leanstage-hardware-") as scratch:
        runs.log_file(run_id, profile.save(Path(scratch) / FILE))
    runs.log_metrics(run_id, figures(profile))
    # Found only once it is finished, and so whole.
    runs.end_run(run_id, "FINISHED")
    return run_id


def prepare_logging(name: str) -> None:
    """Make sure before a long measurement that its profile can be kept.

    Raises:
        InputError: the profile has no name to be found by.
        RegistryError: MLflow refuses.
    """
    require_name(name)
    experiment_id(connect(), EXPERIMENT)


def require_name(name: str) -> None:
    """Refuse a name under which no profile could be found again.

    Raises:
        InputError: it is empty, ``auto``, or looks like a path.
    """
    if name == AUTO or not is_name(name):
        raise InputError(
            f"{name!r} cannot name a hardware profile; give a name of letters, digits, '.', '_' "
            "and '-', such as serving-pool."
        )


def _finished(client: "MlflowClient", name: str) -> "Run | None":
    """The newest run that keeps a profile of this name."""
    with refusals():
        experiment = client.get_experiment_by_name(EXPERIMENT)
        found = experiment and client.search_runs(
            [experiment.experiment_id],
            f"tags.`{_NAME_TAG}` = {quoted(name)} and attributes.status = 'FINISHED'",
            max_results=1,
            order_by=["attributes.start_time DESC"],
        )
    return found[0] if found else None


def _newest(name: str) -> HardwareProfile:
    run = _finished(connect(), name)
    if run is None:
        raise InputError(
            f"MLflow holds no hardware profile named {name!r}; make one on the nodes that serve "
            f"(leanstage calibrate --name {name} --log), or give the path of a profile."
        )
    with tempfile.TemporaryDirectory(prefix="leanstage-hardware-") as scratch:
        text = runs.fetch_artifact(run.info.run_id, FILE, Path(scratch)).read_text("utf-8")
    profile = HardwareProfile.parse(text, where=f"{FILE} in MLflow run {run.info.run_id}")
    if (profile.name, profile.sha256()) != (name, run.data.tags.get(_SHA256_TAG)):
        raise InputError(
            f"the hardware profile {name!r} in MLflow run {run.info.run_id} is not what was logged "
            "there; calibrate again."
        )
    return profile


def figures(profile: HardwareProfile) -> dict[str, float]:
    """The ratios that were measured, by names that MLflow and Kubeflow take."""
    gains = profile.calibration.gains if profile.calibration else ()
    return {
        f"{gain.form}.{gain.shape}.batch-{gain.batch_size}".replace(":", "-of-"): gain.ratio
        for gain in gains
        if gain.ratio is not None
    }
