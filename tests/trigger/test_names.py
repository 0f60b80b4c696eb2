"""Names of runs: the same for the same, different for what is different, taken apart again."""

import string

from hypothesis import given
from hypothesis import strategies as st

from leanstage.contracts import ModelVersion
from leanstage.trigger.names import DECIDE, REJUDGE, RunName, attempt_name, own_prefix, stem

VERSIONS = st.builds(
    ModelVersion,
    name=st.text(min_size=1, max_size=80),
    version=st.integers(1, 10**6).map(str),
    created_ms=st.integers(0, 2**42),
)
SHA = st.text(alphabet="0123456789abcdef", min_size=64, max_size=64)


@given(VERSIONS, SHA, st.integers(1, 9))
def test_a_name_is_found_again_in_its_parts(version: ModelVersion, sha: str, n: int) -> None:
    text = attempt_name(stem(version, sha), n)
    name = RunName.parse(text)
    assert name is not None
    assert (name.own, name.policy, name.attempt) == (own_prefix(version), sha[:6], n)
    assert attempt_name(name.stem, n) == name.judged == text
    assert name.step == "main"
    assert len(text) < 100
    assert set(text) <= set(string.ascii_lowercase + string.digits + "-")


@given(VERSIONS, SHA)
def test_what_judges_names_what_it_judges(version: ModelVersion, sha: str) -> None:
    half = attempt_name(stem(version, sha), 2)
    decide = attempt_name(f"{half}{DECIDE}", 3)
    name = RunName.parse(decide)
    assert name is not None
    assert (name.step, name.attempt, name.judged) == ("decide", 3, decide)
    again = RunName.parse(attempt_name(f"{decide}{REJUDGE}0123abcd", 1))
    assert again is not None
    assert (again.step, again.judged, again.justification) == ("rejudge", decide, "0123abcd")


@given(VERSIONS, VERSIONS)
def test_no_two_versions_share_a_name(one: ModelVersion, other: ModelVersion) -> None:
    assert (own_prefix(one) == own_prefix(other)) == (one == other)


def test_names_that_look_alike_and_times_of_registration_count() -> None:
    def prefix(name: str, created: int = 1) -> str:
        return own_prefix(ModelVersion(name=name, version="3", created_ms=created))

    alike = [prefix("my model"), prefix("my-model"), prefix("my.model"), prefix("My Model")]
    assert len(set(alike)) == 4
    assert prefix("a", 1) != prefix("a", 2)
    assert own_prefix(ModelVersion(name="模型", version="1", created_ms=1)).startswith(
        "leanstage-model-v1-"
    )


def test_other_names_are_not_ours() -> None:
    for text in ("", "by hand", "leanstage-run", "leanstage-a-v1-12345678-abcdef"):
        assert RunName.parse(text) is None
