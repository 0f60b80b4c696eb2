"""The shipped table of factors, and a user's own over it."""

from pathlib import Path

import pytest

from leanstage.accounts import load_factors, load_setting
from leanstage.errors import InputError


@pytest.fixture(autouse=True)
def _no_file_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEANSTAGE_FACTORS", raising=False)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "factors.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_shipped_region_can_be_chosen(tmp_path: Path) -> None:
    shipped = load_factors()
    for grid in shipped.grids:
        own = write(tmp_path, f"region: {grid.region}\nboundary: {grid.boundary}\n")
        assert grid in load_factors(own).intensities


def test_a_file_replaces_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    text = """
region: our-solar-park
grids:
  - {region: our-solar-park, value: 41, year: 2025, boundary: lifecycle, origin: measured,
     source: our meter, licence: our own}
"""
    factors = load_factors(write(tmp_path, text))
    assert [g.value for g in factors.intensities] == [41]
    assert factors.price == load_factors().price


def test_the_variable_names_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANSTAGE_FACTORS", str(write(tmp_path, "region: FR\n")))
    assert load_factors().intensities[0].value == 56


def test_the_variable_may_hold_the_factors_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANSTAGE_FACTORS", "region: US\nboundary: direct\n")
    assert load_factors().intensities[0].source == "EPA eGRID2022"
    monkeypatch.setenv("LEANSTAGE_FACTORS", "region: Atlantis")
    with pytest.raises(InputError, match=r"LEANSTAGE_FACTORS .*'Atlantis'"):
        load_factors()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("region: Atlantis\n", "'Atlantis'"),
        ("region: FR\nboundary: direct\n", "there are GB, US"),
        ("regoin: FR\n", "did you mean 'region'"),
        ("- FR\n", "expected keys and values"),
        ("region: FR\nregion: DE\n", "stands twice"),
        ("region: [\n", "cannot be read as YAML"),
        (
            "pue: {low: {value: 0.9, year: 2025, source: us, licence: us},"
            " high: {value: 1.2, year: 2025, source: us, licence: us}}\n",
            "PUE is 1 or more",
        ),
        (
            "pue: {low: {value: 1.3, year: 2025, source: us, licence: us},"
            " high: {value: 1.2, year: 2025, source: us, licence: us}}\n",
            "low is above high",
        ),
        ("grids: [{region: World, value: 471, year: 2024, boundary: lifecycle}]\n", "source"),
        (
            "grids: [{region: World, value: 0.47, unit: kgCO2e/kWh, year: 2024, source: us,"
            " licence: us, boundary: lifecycle}]\n",
            "gCO2e/kWh",
        ),
        (
            "losses: [{region: World, value: 8, year: 2024, source: us, licence: us}]\n",
            "less than 1",
        ),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as failure:
        load_factors(path)
    assert named in str(failure.value)
    assert str(path) in str(failure.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.yaml cannot be read"):
        load_factors(tmp_path / "absent.yaml")


SETTING = """
site: owned
year: 2026
answers_per_year: {value: 1.0e+7, origin: measured, source: our Prometheus}
replica:
  server_share: {low: 0.2, high: 0.3, source: threads}
replicas: 2
"""


def test_a_setting_says_where_and_how_much(tmp_path: Path) -> None:
    found = load_setting(write(tmp_path, SETTING))
    assert (found.answers_per_year.low, found.answers_per_year.high) == (1e7, 1e7)
    assert (found.replica.server_share.low, found.replica.server_share.high) == (0.2, 0.3)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("site: owned", "site: rented", "'owned' or 'cloud'"),
        ("replicas: 2", "replica_count: 2", "did you mean 'replica"),
        ("replicas: 2", "replicas: 0", "greater than or equal to 1"),
        ("replicas: 2", "", "state either replicas, as many as run, or an objective"),
        ("low: 0.2", "low: 0.4", "low is above high"),
        ("low: 0.2, high: 0.3", "value: 1.5", "at most 1"),
        ("low: 0.2", "low: 0.2, value: 0.2", "either value, or low and high"),
        ("value: 1.0e+7, ", "", "answers_per_year"),
        (", source: our Prometheus", "", "source"),
        ("replicas: 2", "replicas: 2\ncontracts: [{name: a, share: 0.7, gco2e_per_kwh: 0,"
         " source: b}, {name: b, share: 0.4, gco2e_per_kwh: 0, source: b}]", "more than all"),
        ("site: owned", "site: cloud\ncontracts: [{name: a, share: 0.7, gco2e_per_kwh: 0,"
         " source: b}]", "a site of one's own"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_refused_by_name(tmp_path: Path, old: str, new: str, named: str) -> None:
    path = write(tmp_path, SETTING.replace(old, new))
    with pytest.raises(InputError) as failure:
        load_setting(path)
    assert named in str(failure.value)
    assert str(path) in str(failure.value)
