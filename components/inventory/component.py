"""Inventory: everything that serves, and how it came to serve."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Markdown, Metrics, Output

from leanstage.components._image import image


@dsl.component(base_image=image("control"), install_kfp_package=False)
def inventory(
    audit: Output[Artifact],
    table: Output[Artifact],
    html: Output[HTML],
    markdown: Output[Markdown],
    metrics: Output[Metrics],
    aliases: str = "",
    volumes: str = "",
    prometheus: str = "",
    cluster: bool = False,
) -> None:
    """Examine every version behind a serving alias, and keep the audit in MLflow.

    What cannot be read is an entry with the reason; the audit says then that it is not complete.

    Args:
        aliases: Those that count as serving beside ``champion``, separated by commas.
        volumes: URI of a CSV of requests by model; may be empty.
        prometheus: Address of a Prometheus that counts requests; may be empty.
        cluster: Read what serves on this cluster too.

    Returns:
        audit: Every entry, the most to save first (Audit).
        table: The same for a spreadsheet, CSV.
        html: The same as one self-contained page.
        markdown: Coverage, and the first entries.
        metrics: Coverage, for the run view.
    """
    from pathlib import Path

    from leanstage.audit.step import take_inventory
    from leanstage.progress import stage

    with stage("inventory"):
        figures = take_inventory(
            aliases=aliases,
            volumes=volumes,
            prometheus=prometheus,
            cluster=cluster,
            document=Path(audit.path),
            table=Path(table.path),
            html=Path(html.path),
            markdown=Path(markdown.path),
        )
        for name, figure in figures.items():
            metrics.log_metric(name, figure)
