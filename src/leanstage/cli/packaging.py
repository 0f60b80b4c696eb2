"""Commands for compiled packages: write them, and name other images in them."""

from pathlib import Path
from typing import Annotated

import typer

from leanstage.cli._shared import say
from leanstage.contracts import write_atomically
from leanstage.errors import InputError

RegistryOption = Annotated[
    str, typer.Option(help="Host and path of the images, before /leanstage-control.")
]
TagOption = Annotated[str, typer.Option(help="Tag of the images.")]
DigestOption = Annotated[
    list[str] | None,
    typer.Option(help="An image by digest instead: control=sha256:...; may be repeated."),
]


def compile_packages(
    out: Annotated[Path, typer.Option(help="Folder for the packages.", file_okay=False)],
    registry: RegistryOption = "",
    tag: TagOption = "",
    digest: DigestOption = None,
    platform: Annotated[
        Path | None, typer.Option(help="Settings of the cluster in YAML; LEANSTAGE_PLATFORM.")
    ] = None,
) -> None:
    """Write every pipeline and component as IR YAML, and pipelines as resources to apply."""
    from leanstage.pipelines import Platform
    from leanstage.runner.images import Target, digests_of
    from leanstage.runner.packages import write_packages

    target = Target(registry, tag, digests_of(digest or []))
    settings = Platform.load(platform) if platform is not None else Platform.here()
    for path in write_packages(out, target=target, platform=settings):
        say(str(path))


def retarget(
    packages: Annotated[list[Path], typer.Argument(help="Compiled packages in YAML.")],
    registry: RegistryOption = "",
    tag: TagOption = "",
    digest: DigestOption = None,
) -> None:
    """Name other images in packages that are compiled already; images of others stay."""
    from leanstage.runner.documents import read_package
    from leanstage.runner.images import Target, digests_of

    target = Target(registry, tag, digests_of(digest or []))
    if not target:
        raise InputError("there is nothing to change; give --registry, --tag or --digest.")
    read = {path: read_package(path) for path in packages}
    for path, package in read.items():
        others = package.retarget(target)
        write_atomically(path, package.text().encode())
        ours = ", ".join(sorted(set(package.images()) - set(others)))
        say(f"{path}: {ours or 'no image of leanstage in it'}")
        for image in sorted(others):
            say(f"  left as it is: {image}")
