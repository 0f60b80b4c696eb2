"""Ask: runs for the models with the most to save."""

from kfp import dsl
from kfp.dsl import Artifact, Input

from leanstage.components._image import image


@dsl.component(base_image=image("control"), install_kfp_package=False)
def ask(audit: Input[Artifact], submit: int = 0) -> None:
    """Have the trigger start runs for the first models that are neither optimized nor justified.

    Fails where the audit is not complete, so that its run is red, and says what could not be read.

    Args:
        audit: Every entry, the most to save first.
        submit: For how many models; 0 is none.
    """
    from leanstage.audit.step import ask_for_runs
    from leanstage.contracts import Audit
    from leanstage.progress import stage

    with stage("ask"):
        ask_for_runs(Audit.load(audit.path), int(submit))
