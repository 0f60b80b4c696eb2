"""Policies: reading them, where they live, and what they say in plain words."""

from leanstage.gate.policies.explain import sentences, warnings
from leanstage.gate.policies.place import (
    IN_MLFLOW,
    POLICY_VARIABLE,
    TREE_VARIABLE,
    Placed,
    covering,
    disagreement,
    lacking,
    policies_here,
    policy_for,
    publish,
    tree_override,
)
from leanstage.gate.policies.reading import DEFAULT, PRESETS, load_policy, parse_policy

__all__ = [
    "DEFAULT",
    "IN_MLFLOW",
    "POLICY_VARIABLE",
    "PRESETS",
    "TREE_VARIABLE",
    "Placed",
    "covering",
    "disagreement",
    "lacking",
    "load_policy",
    "parse_policy",
    "policies_here",
    "policy_for",
    "publish",
    "sentences",
    "tree_override",
    "warnings",
]
