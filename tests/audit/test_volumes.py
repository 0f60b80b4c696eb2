"""How often each model is asked: from a file, and from Prometheus over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leanstage.audit.prometheus import ask_volumes
from leanstage.audit.volumes import Volumes, read_volumes
from leanstage.contracts import AuditEntry, Deployed
from leanstage.errors import InputError, LeanstageError
from tests.audit.prometheus_api import Prometheus, serving

ENTRY = AuditEntry(
    model="reviews",
    version="3",
    status="never-evaluated",
    reason="No gate promoted it.",
    served_by=tuple(
        Deployed(kind="InferenceService", namespace="team-a", name=name) for name in ("one", "two")
    ),
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "volumes.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_closest_name_counts() -> None:
    workloads = {"team-a/one": 1.0, "team-a/two": 2.0, "reviews": 5.0}
    assert Volumes(workloads | {"reviews/3": 9.0}).of(ENTRY) == 9.0
    assert Volumes(workloads).of(ENTRY) == 3.0
    assert Volumes({"reviews": 5.0}).of(ENTRY) == 5.0
    assert Volumes({"reviews": 5.0}).of(ENTRY, whole=False) is None
    assert Volumes({"reviews/2": 9.0}).of(ENTRY) is None


def test_a_rollout_divides_the_requests() -> None:
    one = ENTRY.served_by[0].model_copy(update={"share_percent": 10})
    split = ENTRY.model_copy(update={"served_by": (one, ENTRY.served_by[1])})
    assert Volumes({"team-a/one": 50.0, "team-a/two": 2.0}).of(split) == 7.0


def test_a_file_counts_by_day_or_year(tmp_path: Path) -> None:
    daily = written(tmp_path, "\ufeffmodel,owner,requests_per_day\nreviews,ada,10\n")
    assert read_volumes(daily) == Volumes({"reviews": 3650.0}, "volumes.csv")
    yearly = written(tmp_path, 'model,requests_per_year\n"a, b/2",1e6\nidle,0\n')
    assert read_volumes(yearly).by_name == {"a, b/2": 1e6, "idle": 0.0}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no columns model and requests_per_year"),
        ("name,requests_per_day\nx,1\n", "has no columns model"),
        ("model,requests_per_day\nx,many\n", "line 2, holds 'many'"),
        ("model,requests_per_day\nx,-1\n", "line 2, holds '-1'"),
        ("model,requests_per_day\nx,nan\n", "line 2, holds 'nan'"),
        ("model,requests_per_day\nx,inf\n", "line 2, holds 'inf'"),
        ("model,requests_per_day\nx\n", "line 2, holds None"),
        ("model,requests_per_day\n,1\n", "line 2, holds no model"),
        ("model,requests_per_day\nx,1\nx,2\n", "line 3, names x a second time"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_volumes(written(tmp_path, text))


def test_a_file_that_is_missing_or_none_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_volumes(tmp_path / "missing.csv")
    (tmp_path / "volumes.csv").write_bytes(b"model,requests_per_day\n\xff\xfe,1\n")
    with pytest.raises(InputError, match="cannot be read"):
        read_volumes(tmp_path / "volumes.csv")


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    with serving(Prometheus()) as found:
        yield found


def test_the_first_metric_that_knows_a_workload_counts(
    prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEANSTAGE_PROMETHEUS_TOKEN", "a-token")
    one, two = ({"namespace": "team-a", "name": name} for name in ("one", "two"))
    prometheus.samples = {
        "revision_app_request_count": [(one, 10.0)],
        "istio_requests_total": [(one, 99.0), (two, 1.0), ({"name": "nowhere"}, 7.0)],
        "vllm": [(two, float("nan"))],
    }
    found = ask_volumes(prometheus.uri)
    assert found.by_name == {"team-a/one": 3650.0, "team-a/two": 365.0}
    assert found.source == f"Prometheus at {prometheus.uri} (knative, istio)"
    assert set(prometheus.tokens) == {"Bearer a-token"}


def test_a_query_of_ones_own_may_name_models(prometheus: Prometheus) -> None:
    prometheus.samples = {"my_metric": [({"model": "reviews"}, 2.0), ({"model": "reviews"}, 3.0)]}
    assert ask_volumes(prometheus.uri, "my_metric").by_name == {"reviews": 5 * 365.0}
    assert prometheus.tokens == [None]


VECTOR = b'{"status": "success", "data": {"resultType": "vector", "result": [%s]}}'


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ((200, VECTOR % b""), "knows no requests"),
        ((200, b"<html>"), "answered 200 and no JSON"),
        ((503, b""), "answered 503 and no JSON"),
        ((400, b'{"status": "error", "error": "parse error"}'), "400: parse error"),
        ((200, b"[]"), "without a reason"),
        ((200, b'{"status": "success", "data": [1]}'), "gives a None"),
        ((200, b'{"status": "success", "data": {"resultType": "matrix"}}'), "gives a matrix"),
        ((200, VECTOR % b'{"value": [1, "2"]}'), "samples of another form"),
        ((200, VECTOR % b'{"metric": {}, "value": [1]}'), "samples of another form"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    prometheus: Prometheus, raw: tuple[int, bytes], told: str
) -> None:
    prometheus.raw = raw
    with pytest.raises(LeanstageError, match=told):
        ask_volumes(prometheus.uri)


@pytest.mark.parametrize("secret", ["user:p/w@%s", "%s/path?token=p/w"])
def test_an_address_is_told_without_what_may_be_a_secret(secret: str) -> None:
    url = f"http://{secret % '127.0.0.1:9'}"
    with pytest.raises(LeanstageError, match=r"127\.0\.0\.1:9\S* cannot be reached") as refused:
        ask_volumes(url)
    assert "p/w" not in str(refused.value)


@pytest.mark.parametrize("token", ["schl\u00fcssel", "\u20ac", "two\nlines"])
def test_a_token_that_no_header_can_carry_is_one_sentence(
    prometheus: Prometheus, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEANSTAGE_PROMETHEUS_TOKEN", token)
    with pytest.raises(LeanstageError, match="LEANSTAGE_PROMETHEUS_TOKEN holds no bearer token"):
        ask_volumes(prometheus.uri)
    assert prometheus.tokens == []


def test_where_it_cannot_be_reached_no_password_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANSTAGE_PROMETHEUS_TOKEN", "a-token")
    with pytest.raises(LeanstageError, match=r"127\.0\.0\.1:9 cannot be reached") as refused:
        ask_volumes("http://user:secret@127.0.0.1:9")
    assert "secret" not in str(refused.value)
    assert "a-token" not in str(refused.value)
