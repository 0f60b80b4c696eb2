"""What our code asks of Kubeflow Pipelines, read from the source, down to the rule each call needs.

Three steps: our code calls methods of :class:`Kubeflow`, those call the official client, and that
calls the services of the API, each of which asks Kubernetes whether the caller may.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import kfp.client.client as official

import leanstage
from leanstage.runner import kfp_client, upload

SOURCE = Path(leanstage.__file__).parent
LINKED = ("components", "pipelines")

Rule = tuple[str, str]
"""A resource of the group pipelines.kubeflow.org, and a verb."""

RULES: dict[str, Rule | None] = {
    "experiment_service_create_experiment": ("experiments", "create"),
    "experiment_service_get_experiment": ("experiments", "get"),
    "experiment_service_list_experiments": ("experiments", "list"),
    "healthz_service_get_healthz": None,
    "pipeline_service_create_pipeline": ("pipelines", "create"),
    "pipeline_service_list_pipelines": ("pipelines", "list"),
    "run_service_create_run": ("runs", "create"),
    "run_service_get_run": ("runs", "get"),
    "run_service_list_runs": ("runs", "list"),
    "upload_pipeline": ("pipelines", "create"),
    "upload_pipeline_version": ("pipelines", "create"),
}
"""The rule that the API server of Kubeflow Pipelines checks for each call, None for no check."""

# Asked for an experiment by its name, the client lists; it gets only by id.
BY_NAME = {("get_experiment", "experiment_service_get_experiment")}


def rules_of_trigger() -> set[Rule]:
    """What the trigger needs where its runs are."""
    return _rules_of(_used_by("trigger"), "Kubeflow")


def rules_of_submit() -> set[Rule]:
    """What ``leanstage submit`` needs where its runs are."""
    return _rules_of(_used_by("runner/submit"), "Kubeflow")


def rules_of_upload() -> set[Rule]:
    """What the upload needs in a namespace that keeps pipelines of its own."""
    tree = ast.parse(Path(upload.__file__).read_text(encoding="utf-8"))
    (function,) = (
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upload"
    )
    return _rules_of(_attributes(function) & set(_methods("Uploads")), "Uploads")


def importers(*names: str) -> set[str]:
    """Modules of ours that import one of these modules, as paths below the package."""
    found = set()
    for name, path in modules().items():
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ImportFrom) and node.module:
                imported = [node.module]
            elif isinstance(node, ast.Import):
                imported = [alias.name for alias in node.names]
            else:
                continue
            wanted = [f"{each}." for each in names]
            if any(f"{each}.".startswith(tuple(wanted)) for each in imported):
                found.add(name)
    return found


@cache
def modules() -> dict[str, Path]:
    """Every module of ours by its path below the package."""
    found = {str(path.relative_to(SOURCE)): path for path in SOURCE.rglob("*.py")}
    for linked in LINKED:
        folder = (SOURCE / linked).resolve()
        found |= {f"{linked}/{path.relative_to(folder)}": path for path in folder.rglob("*.py")}
    return found


def _used_by(folder: str) -> set[str]:
    """Methods of Kubeflow that modules below a path call; too many rather than too few."""
    users = {name for name in importers("leanstage.runner.kfp_client") if name.startswith(folder)}
    assert users, f"nothing in {folder} speaks to Kubeflow Pipelines"
    called = {attribute for name in users for attribute in _attributes(_tree(modules()[name]))}
    return called & set(_methods("Kubeflow"))


def _rules_of(methods: set[str], kind: str) -> set[Rule]:
    services: set[str] = set()
    for method in methods:
        services |= _services(kind, method)
    unknown = services - set(RULES)
    assert not unknown, f"no rule is known for {sorted(unknown)}; add what the API server checks"
    return {rule for service in services if (rule := RULES[service]) is not None}


@cache
def _services(kind: str, method: str) -> frozenset[str]:
    """Calls of the API that a method of ours makes, through whatever it calls."""
    found: set[str] = set()
    for chain in _chains(_methods(kind)[method]):
        if chain[:2] == ("self", "client") and len(chain) == 3:
            found |= _services_of_client(chain[2])
        elif chain[:2] == ("self", "client") and len(chain) == 4:
            found.add(chain[3])
        elif chain[0] == "self" and len(chain) == 2 and chain[1] in _methods(kind):
            found |= _services(kind, chain[1])
    return frozenset(found)


@cache
def _services_of_client(method: str) -> frozenset[str]:
    """Calls of the API that a method of the official client makes."""
    methods = _functions(_tree(Path(official.__file__)), "Client")
    assert method in methods, f"the official client has no method {method}"
    found: set[str] = set()
    for chain in _chains(methods[method]):
        if len(chain) == 3 and chain[0] == "self" and chain[1].endswith("_api"):
            found.add(chain[2])
        elif len(chain) == 2 and chain[0] == "self" and chain[1] in methods and chain[1] != method:
            inner = _services_of_client(chain[1])
            found |= {one for one in inner if (chain[1], one) not in BY_NAME}
    return frozenset(found)


def _methods(kind: str) -> dict[str, ast.FunctionDef]:
    found = _functions(_tree(Path(kfp_client.__file__)), "Kubeflow")
    if kind == "Uploads":
        found |= _functions(_tree(Path(upload.__file__)), "Uploads")
    return found


def _functions(tree: ast.Module, kind: str) -> dict[str, ast.FunctionDef]:
    (body,) = (
        node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind
    )
    return {
        node.name: node
        for node in body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("__")
    }


def _chains(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Every dotted name in a function, as its parts, the longest of each alone."""
    inner = {id(each.value) for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and id(each) not in inner:
            parts = ast.unparse(each).split(".")
            if all(part.isidentifier() for part in parts):
                yield tuple(parts)


def _attributes(node: ast.AST) -> set[str]:
    return {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
