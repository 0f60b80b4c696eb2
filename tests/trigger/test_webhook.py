"""What is sent to the webhook, over real HTTP: taken once, or refused; it never does the work."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
import requests

from leanstage.trigger import app as http
from leanstage.trigger.app import make_app
from leanstage.trigger.metrics import REGISTRY
from leanstage.trigger.webhook import MAX_BYTES, SKEW_SECONDS, Verifier, is_own_note
from tests.trigger.service import SECRET, served, signed, until

BODY = json.dumps(
    {
        "entity": "model_version",
        "action": "created",
        "timestamp": "2026-11-26T09:00:00+00:00",
        "data": {"name": "reviews", "version": "1", "run_id": None, "tags": {}},
    }
).encode()


class Doorbell:
    """Stands where the loop does, and counts."""

    healthy, ready, problem = True, True, None

    def __init__(self) -> None:
        self.rung = 0

    def start(self) -> None: ...

    def stop(self, timeout: float) -> bool:
        return True

    def wake(self) -> None:
        self.rung += 1


@pytest.fixture
def bell() -> Doorbell:
    return Doorbell()


@pytest.fixture
def uri(bell: Doorbell) -> Iterator[str]:
    with served(make_app(bell, Verifier(SECRET.encode()))) as uri:  # type: ignore[arg-type]
        yield uri


def post(uri: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    answer = requests.post(f"{uri}/webhooks/mlflow", data=body, headers=headers, timeout=10)
    return answer.status_code, answer.json().get("outcome", "")


def deliveries(outcome: str) -> float:
    labels = {"outcome": outcome}
    return REGISTRY.get_sample_value("leanstage_webhook_deliveries_total", labels) or 0.0


def test_a_delivery_wakes_the_loop_once_however_often_it_comes(uri: str, bell: Doorbell) -> None:
    before = deliveries("duplicate")
    headers = signed(BODY)
    assert post(uri, BODY, headers) == (202, "accepted")
    assert post(uri, BODY, headers) == (200, "duplicate")
    assert post(uri, BODY, signed(BODY, id="d-2")) == (202, "accepted")
    assert bell.rung == 2
    assert deliveries("duplicate") == before + 1


def test_order_means_nothing(uri: str, bell: Doorbell) -> None:
    now = time.time()
    for number, age in enumerate((1, 60, 30, 120)):
        headers = signed(BODY, id=f"d-{number}", at=now - age)
        assert post(uri, BODY, headers) == (202, "accepted")
    assert bell.rung == 4


def test_what_the_secret_did_not_sign_is_refused(uri: str, bell: Doorbell) -> None:
    headers = signed(BODY)
    forged = [
        signed(BODY, secret="another secret"),
        {**headers, "X-MLflow-Signature": "v1,"},
        {**headers, "X-MLflow-Signature": headers["X-MLflow-Signature"].replace("v1", "v2")},
        {**headers, "X-MLflow-Signature": headers["X-MLflow-Signature"][3:]},
        {**headers, "X-MLflow-Signature": "v1,\xe9"},
        {**headers, "X-MLflow-Timestamp": str(int(time.time()) + 1)},
        {**headers, "X-MLflow-Delivery-Id": "d-9"},
    ]
    for each in forged:
        assert post(uri, BODY, each) == (401, "forged")
    assert post(uri, BODY.replace(b"reviews", b"others"), headers) == (401, "forged")
    assert post(uri, b"", headers) == (401, "forged")
    assert bell.rung == 0
    # A refused delivery is not remembered: the genuine one still counts.
    assert post(uri, BODY, headers) == (202, "accepted")


@pytest.mark.parametrize("missing", ["Delivery-Id", "Timestamp", "Signature"])
def test_a_delivery_without_a_header_is_refused(uri: str, bell: Doorbell, missing: str) -> None:
    headers = signed(BODY)
    del headers[f"X-MLflow-{missing}"]
    status, _ = post(uri, BODY, headers)
    assert status in (400, 401)
    assert bell.rung == 0


@pytest.mark.parametrize("stamp", ["", "soon", "-5", "1e9", "٣", "1" * 200])
def test_a_time_that_is_none_is_refused(uri: str, bell: Doorbell, stamp: str) -> None:
    headers = {**signed(BODY), "X-MLflow-Timestamp": stamp.encode()}
    answer = requests.post(f"{uri}/webhooks/mlflow", data=BODY, headers=headers, timeout=10)
    assert answer.status_code in (400, 401)
    assert bell.rung == 0


@pytest.mark.parametrize("age", [SKEW_SECONDS + 5, -SKEW_SECONDS - 5, 86_400])
def test_a_replay_is_too_old(uri: str, bell: Doorbell, age: float) -> None:
    assert post(uri, BODY, signed(BODY, at=time.time() - age)) == (401, "stale")
    assert bell.rung == 0


def test_a_replay_is_refused_for_as_long_as_its_time_is_fresh() -> None:
    now = [1_000_000.0]
    verifier = Verifier(SECRET.encode(), clock=lambda: now[0])
    headers = {k.lower(): v for k, v in signed(BODY, at=now[0] + SKEW_SECONDS).items()}
    assert verifier.accept(headers, BODY)
    # Signed by a clock that runs fast: fresh for twice the skew.
    now[0] += 2 * SKEW_SECONDS - 1
    assert not verifier.accept(headers, BODY)


def test_the_memory_is_bounded() -> None:
    verifier = Verifier(SECRET.encode())
    from leanstage.trigger.webhook import REMEMBERED

    for number in range(REMEMBERED + 500):
        verifier._seen[f"d-{number}"] = True
    assert len(verifier._seen) == REMEMBERED


def test_an_oversized_delivery_is_refused_by_its_length(uri: str, bell: Doorbell) -> None:
    body = b"x" * (MAX_BYTES + 1)
    assert post(uri, body, signed(body)) == (413, "oversized")
    whole = b"x" * MAX_BYTES
    assert post(uri, whole, signed(whole)) == (202, "accepted")
    assert bell.rung == 1


def test_a_body_without_a_stated_length_is_not_read_beyond_the_limit(
    uri: str, bell: Doorbell
) -> None:
    """Sent in chunks for ever: the answer comes once the limit is passed."""
    parts = urlsplit(uri)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(
            b"POST /webhooks/mlflow HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
        for _ in range(5):
            connection.sendall(chunk)
        assert b" 413 " in connection.recv(4096)
    assert bell.rung == 0


def test_a_body_that_does_not_come_is_not_waited_for(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "BODY_SECONDS", 0.2)
    parts = urlsplit(uri)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(
            b"POST /webhooks/mlflow HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n{"
        )
        assert b" 408 " in connection.recv(4096)


def test_too_many_deliveries_at_a_time_are_refused_and_probes_are_not(
    bell: Doorbell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "AT_ONCE", 2)
    with (
        served(make_app(bell, Verifier(SECRET.encode()))) as uri,  # type: ignore[arg-type]
        ExitStack() as stalled,
    ):
        parts = urlsplit(uri)
        begun = b"POST /webhooks/mlflow HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n{"
        connections = []
        for _ in range(2):
            made = socket.create_connection((parts.hostname, parts.port), timeout=10)
            connections.append(stalled.enter_context(made))
            connections[-1].sendall(begun)
        until(lambda: post(uri, BODY, signed(BODY, id=f"d-{time.time()}")) == (503, "busy"))
        assert requests.get(f"{uri}/healthz", timeout=10).ok
        assert requests.get(f"{uri}/metrics", timeout=10).ok
        for connection in connections:
            connection.sendall(b"12345678")
            assert b" 400 " in connection.recv(4096)
        assert post(uri, BODY, signed(BODY, id="at last")) == (400, "malformed")
        assert post(uri, BODY, signed(BODY, id="at-last")) == (202, "accepted")


def test_what_the_trigger_noted_itself_does_not_wake_it(uri: str, bell: Doorbell) -> None:
    def tag(key: str) -> bytes:
        data = {"name": "reviews", "version": "1", "key": key, "value": "running"}
        return json.dumps(
            {"entity": "model_version_tag", "action": "set", "timestamp": "", "data": data}
        ).encode()

    own, asking = tag("leanstage.status"), tag("leanstage.optimize")
    assert post(uri, own, signed(own, id="own")) == (200, "own")
    assert bell.rung == 0
    assert post(uri, asking, signed(asking, id="asking")) == (202, "accepted")
    assert bell.rung == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'{"entity": 3}', b"\xff"])
def test_a_signed_body_of_any_form_only_wakes(body: bytes) -> None:
    assert not is_own_note(body)


def test_a_burst_is_answered_at_once(uri: str, bell: Doorbell) -> None:
    def send(start: int) -> None:
        with requests.Session() as session:
            for number in range(start, start + 25):
                answer = session.post(
                    f"{uri}/webhooks/mlflow",
                    data=BODY,
                    headers=signed(BODY, id=f"d-{number}"),
                    timeout=10,
                )
                assert answer.status_code == 202

    senders = [threading.Thread(target=send, args=(100 * n,)) for n in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert bell.rung == 100


def test_health_readiness_and_figures(uri: str, bell: Doorbell) -> None:
    assert requests.get(f"{uri}/healthz", timeout=10).json() == {"healthy": True}
    assert requests.get(f"{uri}/readyz", timeout=10).json() == {"ready": True, "problem": None}
    Doorbell.ready, Doorbell.healthy = False, False
    try:
        assert requests.get(f"{uri}/readyz", timeout=10).status_code == 503
        assert requests.get(f"{uri}/healthz", timeout=10).status_code == 503
    finally:
        Doorbell.ready, Doorbell.healthy = True, True
    post(uri, BODY, signed(BODY, id="counted"))
    text = requests.get(f"{uri}/metrics", timeout=10).text
    assert 'leanstage_webhook_deliveries_total{outcome="accepted"}' in text
    assert "leanstage_reconcile_seconds" in text


def test_without_a_secret_there_is_no_webhook(bell: Doorbell) -> None:
    with served(make_app(bell, None)) as uri:  # type: ignore[arg-type]
        headers = signed(BODY)
        answer = requests.post(f"{uri}/webhooks/mlflow", data=BODY, headers=headers, timeout=10)
        assert answer.status_code == 404
        until(lambda: requests.get(f"{uri}/healthz", timeout=10).ok)
