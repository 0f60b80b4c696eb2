"""Compiled packages: every pipeline and component as IR YAML."""

from pathlib import Path

from leanstage import components
from leanstage.pipelines import PIPELINES


def write_packages(out: Path) -> list[Path]:
    """Compile everything below ``out``: ``pipelines/*.yaml`` and ``components/*.yaml``."""
    from kfp.compiler import Compiler

    compiler = Compiler()
    written = []
    packages = {
        "pipelines": PIPELINES,
        "components": {name: getattr(components, name) for name in components.__all__},
    }
    for folder, members in packages.items():
        (out / folder).mkdir(parents=True, exist_ok=True)
        for name, member in members.items():
            path = out / folder / f"{name}.yaml"
            compiler.compile(member, str(path))
            written.append(path)
    return written
