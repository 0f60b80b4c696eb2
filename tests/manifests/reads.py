"""Which environment variables the code reads."""

import ast
import re

import mlflow.environment_variables
from kfp.client import KF_PIPELINES_SA_TOKEN_ENV

from leanstage.trigger.settings import PREFIX, Settings
from tests.manifests.calls import modules

OURS = re.compile(r"LEANSTAGE_[A-Z_]+")


def settings_of_trigger() -> set[str]:
    """The variable of every setting of the trigger."""
    return {
        str(field.validation_alias or f"{PREFIX}{name.upper()}")
        for name, field in Settings.model_fields.items()
    }


def variables() -> set[str]:
    """Every variable that our code, MLflow and the client of Kubeflow Pipelines read."""
    found = settings_of_trigger() | {KF_PIPELINES_SA_TOKEN_ENV}
    for path in modules().values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            # A whole text of its own: a name that is read, and none that a sentence mentions.
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {node.value} if OURS.fullmatch(node.value) else set()
    found.discard(PREFIX)
    known = vars(mlflow.environment_variables).values()
    return found | {
        variable.name
        for variable in known
        if hasattr(variable, "name") and hasattr(variable, "get")
    }
