"""The champion that serves at present, brought here so that candidates can be held against it."""

import tempfile
from pathlib import Path

from leanstage import progress
from leanstage.contracts import Champion, ModelPolicy
from leanstage.errors import InputError
from leanstage.registry.champions import champion
from leanstage.registry.versions import download
from leanstage.variant import MANIFEST, fresh_folder, open_variant
from leanstage.variant.adopt import adopt
from leanstage.variant.digest import regular_files
from leanstage.variant.folder import link_or_copy

NO_CHAMPION = "NO-CHAMPION"
"""Stands in the artifact where there is none: an artifact must not be empty."""


def pin_champion(
    policy: ModelPolicy, name: str, labels: tuple[str, ...], target: Path
) -> Champion | None:
    """Bring the champion of the model ``name`` to ``target`` and hash it.

    Raises:
        InputError: it cannot be compared with a model of these labels.
    """
    model = policy.promoted_to(name)
    version = champion(model)
    if version is None:
        with fresh_folder(target) as draft:
            (draft / NO_CHAMPION).touch()
        return None
    progress.step(f"fetching the champion, version {version.version} of {model}")
    with tempfile.TemporaryDirectory(prefix="leanstage-champion-") as scratch:
        folder = download(version, Path(scratch))
        if (folder / MANIFEST).is_file():
            open_variant(folder)
            with fresh_folder(target) as draft:
                for relative, path in regular_files(folder):
                    link_or_copy(path, draft / relative)
            found = open_variant(target)
        else:
            found = adopt(folder, target)
    if policy.vs_champion and found.manifest.labels != labels:
        raise InputError(
            f"the champion, version {version.version} of {model}, answers with other labels "
            f"({', '.join(found.manifest.labels)}) than the model ({', '.join(labels)}); set "
            "vs_champion: false in the policy, or name another promoted_model."
        )
    return Champion(version=version, digest=found.digest)
