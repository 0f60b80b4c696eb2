"""Audit: what serves, how it came to serve, and runs for what was never looked at."""

from leanstage.components import ask, inventory
from leanstage.pipelines._compiling import placed
from leanstage.pipelines._form import pipeline

SUMMARY = """\
Look at everything that serves: optimized, justified, or neither, with the most to save on top; the
page is in the outputs of the task `inventory`. A run that is red could not read everything.

Start as it is, or make it a recurring run."""


@pipeline("leanstage-audit", SUMMARY)
def audit(
    aliases: str = "",
    volumes: str = "",
    prometheus: str = "",
    cluster: bool = False,
    submit: int = 0,
) -> None:
    found = inventory(aliases=aliases, volumes=volumes, prometheus=prometheus, cluster=cluster)
    placed(found).set_caching_options(False)
    placed(ask(audit=found.outputs["audit"], submit=submit)).set_caching_options(False)
