"""What the demo asks of the line: its baseline, made once, and its data."""

from pathlib import Path

from rich.console import Console

from leanstage.contracts import sha256_json
from leanstage.demo import baseline, data
from leanstage.registry.client import runs_experiment
from leanstage.registry.versions import find_by_digest, register
from leanstage.runner.session import home, prepare, tracking_uri
from leanstage.variant import open_variant
from leanstage.variant.adopt import adopt

NAME = "leanstage-demo"


ENERGY_BLOCKS = 8
"""Fewer than by default: the demo measures one load, within a minute for each candidate."""


def arguments(console: Console, *, policy: str, deploy: str) -> dict[str, str | int]:
    """Arguments of the deploy pipeline, after making sure that baseline and data exist."""
    cache = home() / "demo" / f"baseline-{_recipe()[:12]}"
    if not (cache / "model").is_dir():
        console.print("Preparing the demo's baseline (once; a few minutes)", highlight=False)
        prepare(
            ["leanstage.demo.baseline", str(cache)],
            folder=home() / "demo" / "preparation",
            console=console,
        )
    return {
        "model": _registered(cache / "model", console),
        "train_data": str(cache / "train.jsonl"),
        "validation_data": str(cache / "validation.jsonl"),
        "unlabelled_data": str(cache / "unlabelled.jsonl"),
        "evaluation_data": str(cache / "evaluation.jsonl"),
        "energy_blocks": ENERGY_BLOCKS,
        "policy": policy,
        "deploy": deploy,
    }


def _registered(model: Path, console: Console) -> str:
    """The baseline as a version of the demo's registered model."""
    tracking_uri()
    variant_folder = model.parent / "variant"
    if not variant_folder.is_dir():
        adopt(model, variant_folder)
    variant = open_variant(variant_folder)
    version = find_by_digest(NAME, variant.digest)
    if version is None:
        version = register(
            variant,
            NAME,
            experiment=runs_experiment(),
            run_id=None,
            tags={"leanstage.role": "baseline"},
        )
    console.print(
        f"Baseline         models:/{version.name}/{version.version} (MiniLM-L6, fine-tuned on "
        "Rotten Tomatoes)",
        highlight=False,
    )
    return f"models:/{version.name}/{version.version}"


def _recipe() -> str:
    """Hash of everything that makes the baseline what it is, so that a new recipe is made anew."""
    modules = (baseline, data)
    return sha256_json(
        [
            {name: value for name, value in vars(module).items() if name.isupper()}
            for module in modules
        ]
    )
