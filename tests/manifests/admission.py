"""What an API server does with ValidatingAdmissionPolicies, by their very expressions."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import celpy
from celpy import celtypes

from tests.manifests.kustomize import Object, kinds

FUNCTIONS: dict[str, Callable[..., Any]] = {
    # Of Kubernetes: lists of strings, and the authorizer, here the verbs that the user holds.
    "join": lambda parts, by: celtypes.StringType(by.join(parts)),
    "group": lambda verbs, _group: verbs,
    "resource": lambda verbs, _resource: verbs,
    "namespace": lambda verbs, _namespace: verbs,
    "check": lambda verbs, verb: celtypes.BoolType(verb in verbs),
    "allowed": lambda answer: answer,
}


@dataclass
class Decision:
    """Why a request is refused, and what it leaves in the audit log."""

    refused: list[str] = field(default_factory=list)
    audited: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ApiServer:
    """The policies of rendered objects, with what binds them."""

    objects: list[Object]

    def decide(
        self,
        asked: Object,
        *,
        before: Object | None = None,
        namespace_labels: Mapping[str, str],
        user: str = "somebody",
        verbs: tuple[str, ...] = (),
    ) -> Decision:
        """On a request to create ``asked``, or to change ``before`` into it."""
        found = Decision()
        bound = {
            binding["spec"]["policyName"]
            for binding in kinds(self.objects, "ValidatingAdmissionPolicyBinding")
            if binding["spec"]["matchResources"]["namespaceSelector"]["matchLabels"].items()
            <= dict(namespace_labels).items()
            and "Deny" in binding["spec"]["validationActions"]
        }
        given = {
            "object": asked,
            "oldObject": before,
            "request": {
                "operation": "CREATE" if before is None else "UPDATE",
                "userInfo": {"username": user},
            },
            "authorizer": list(verbs),
        }
        for policy in kinds(self.objects, "ValidatingAdmissionPolicy"):
            if policy["metadata"]["name"] in bound and _matches(policy["spec"], asked):
                _apply(policy["spec"], given, found)
        return found


def _matches(spec: Object, asked: Object) -> bool:
    group, _, version = asked["apiVersion"].partition("/")
    plural = asked["kind"].lower() + "s"
    return any(
        group in rule["apiGroups"]
        and {version, "*"} & set(rule["apiVersions"])
        and plural in rule["resources"]
        for rule in spec["matchConstraints"]["resourceRules"]
    )


def _apply(spec: Object, given: Object, found: Decision) -> None:
    context = {name: celpy.json_to_cel(value) for name, value in given.items()}
    if not all(_value(one["expression"], context) for one in spec.get("matchConditions", [])):
        return
    variables = celtypes.MapType()
    context["variables"] = variables
    for one in spec.get("variables", []):
        variables[celtypes.StringType(one["name"])] = _value(one["expression"], context)
    for one in spec["validations"]:
        if not _value(one["expression"], context):
            said = one.get("messageExpression")
            found.refused.append(str(_value(said, context)) if said else one["message"])
    for one in spec.get("auditAnnotations", []):
        found.audited[one["key"]] = str(_value(one["valueExpression"], context))


def _value(expression: str, context: Mapping[str, Any]) -> Any:
    environment = celpy.Environment()
    # Folded over lines in YAML, an expression is one line.
    compiled = environment.compile(re.sub(r"\s+", " ", expression))
    return environment.program(compiled, functions=FUNCTIONS).evaluate(dict(context))
