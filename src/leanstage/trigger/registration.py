"""Setting MLflow's side up: one webhook that wakes the trigger."""

from dataclasses import dataclass
from typing import Any

from leanstage.errors import InputError, LeanstageError
from leanstage.registry.client import RegistryError, connect, pages, tracking_uri
from leanstage.registry.client import refusals as refused
from leanstage.uris import public_uri

NAME = "leanstage-trigger"
EVENTS = ("model_version.created", "model_version_alias.created", "model_version_tag.set")
_HINTS = (
    ("private", "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true"),
    ("public ip", "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true"),
    ("scheme", "MLFLOW_WEBHOOK_ALLOWED_SCHEMES=http,https"),
    ("encrypt", "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY, a Fernet key"),
)


@dataclass(frozen=True)
class Registered:
    """The webhook at the MLflow server, and what became of its test delivery.

    ``problem`` is None where the test delivery was accepted.
    """

    webhook_id: str
    made: bool
    problem: str | None


def register(url: str, secret: str) -> Registered:
    """Register the webhook, or bring the one that is there in line; then test it.

    Raises:
        InputError: MLflow does not accept the address.
        RegistryError: MLflow cannot be reached, or this account may not register webhooks.
    """
    client = connect()
    wanted = {"name": NAME, "url": url, "events": list(EVENTS), "secret": secret}
    there = _there(client)
    try:
        with refused():
            if there is None:
                webhook = client.create_webhook(**wanted)
            else:
                webhook = client.update_webhook(there.webhook_id, status="ACTIVE", **wanted)
    except RegistryError as error:
        raise _explained(error, url) from error
    with refused():
        result = client.test_webhook(webhook.webhook_id)
    problem = None if result.success else _problem(result, url)
    return Registered(str(webhook.webhook_id), there is None, problem)


def _there(client: Any) -> Any | None:
    try:
        return next((each for each in pages(client.list_webhooks) if each.name == NAME), None)
    except RegistryError as error:
        raise _explained(error, "") from error


def _explained(error: RegistryError, url: str) -> LeanstageError:
    """What the MLflow server lacks, where its refusal tells."""
    setting = _setting(str(error))
    if setting is not None:
        return InputError(
            f"MLflow does not accept {url}; start the MLflow server with {setting} ({error})"
        )
    code = getattr(error.__cause__, "error_code", None)
    if code == "PERMISSION_DENIED":
        return InputError(f"{error} Register the webhook with an administrator's account.")
    return error


def _problem(result: Any, url: str) -> str:
    status, said = result.response_status, str(result.error_message or "")
    setting = _setting(said)
    if setting is not None:
        return f"MLflow may not reach {url}; start the MLflow server with {setting}."
    if status == 401:
        return (
            f"{url} refuses the signature: the trigger has another secret, or the clocks of the "
            "two differ by minutes."
        )
    if status is not None:
        return f"{url} answered {status}; does the path end in /webhooks/mlflow?"
    return (
        f"MLflow at {public_uri(tracking_uri())} cannot reach {url}; is the trigger running, and "
        "does a network policy let MLflow through?"
    )


def _setting(text: str) -> str | None:
    lower = text.lower()
    return next((setting for word, setting in _HINTS if word in lower), None)
