"""Every figure that goes into an account, with what kind of knowledge it is and its source."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from leanstage.accounts.year import Form, Serving
from leanstage.contracts import (
    ORIGIN_OF_TIER,
    AccountInput,
    EnergyComparison,
    Factor,
    Factors,
    RegionFactor,
    Stated,
)

Regional = TypeVar("Regional", bound=RegionFactor)


def inputs_of(serving: Serving, forms: tuple[Form, ...], factors: Factors) -> list[AccountInput]:
    """The inputs, those of the model first."""
    found = [entry for form in forms for entry in _measured(serving.energy, form)]
    return [*found, *_stated(serving, factors.currency), *factor_inputs(factors)]


def _measured(energy: EnergyComparison, form: Form) -> Iterator[AccountInput]:
    meter = energy.meter
    low, high = meter.scale or (1.0, 1.0)
    arm = energy.arm(form.name)
    yield AccountInput(
        name=f"Energy per answer of {form.name}, one request at a time",
        low=form.joules * low,
        high=form.joules * high,
        unit="J/answer",
        origin=ORIGIN_OF_TIER[meter.tier],
        source=f"{meter.name} ({meter.tier}): {meter.boundary}",
    )
    yield AccountInput(
        name=f"Time of an answer of {form.name}, median and 95th percentile",
        low=arm.latency_p50_ms,
        high=arm.latency_p95_ms,
        unit="ms",
        origin="measured",
        source=f"single rows of {energy.workload.label}",
    )
    yield AccountInput(
        name=f"Mean time of an answer of {form.name}",
        low=form.service.mean_seconds * 1e3,
        high=form.service.mean_seconds * 1e3,
        unit="ms",
        origin="modeled",
        source="log-normal through the median and the 95th percentile",
    )


def _stated(serving: Serving, currency: str) -> Iterator[AccountInput]:
    setting = serving.setting
    replica, objective = setting.replica, setting.objective
    yield _entry("Answers per year", "answer", setting.answers_per_year)
    yield _entry("Share of a server per replica", "", replica.server_share)
    if replica.idle_watts is not None:
        yield _entry("Power of a waiting replica", "W", replica.idle_watts)
    else:
        meter = serving.energy.meter
        low, high = serving.watts
        yield AccountInput(
            name="Power of a waiting replica",
            low=low,
            high=high,
            unit="W",
            origin=ORIGIN_OF_TIER[meter.tier],
            source=f"{meter.name} ({meter.tier}), every form in memory and none asked",
        )
    if replica.hourly_price is not None:
        yield _entry("Price of a replica", f"{currency}/hour", replica.hourly_price)
    if objective is not None:
        yield _entry("Requests in the busiest time", "answer/second", objective.peak_per_second)
    for contract in setting.contracts:
        yield AccountInput(
            name=f"Electricity of {contract.name}, for {contract.share:.0%} of it",
            low=contract.gco2e_per_kwh,
            high=contract.gco2e_per_kwh,
            unit="gCO2e/kWh",
            origin="sourced",
            source=contract.source,
        )


def factor_inputs(factors: Factors, *, everywhere: bool = False) -> Iterator[AccountInput]:
    """The factors of the region, or those of every region."""

    def here(rows: Iterable[Regional]) -> Iterable[Regional]:
        return rows if everywhere else factors.here(rows)

    for grid in here(factors.grids):
        yield _entry(f"Grid of {grid.region}, {grid.boundary}", grid.unit, grid)
    for fuel in here(factors.upstream):
        yield _entry(f"Getting the fuels, {fuel.region}", fuel.unit, fuel)
    for lost in here(factors.losses):
        yield _entry(f"Lost on the way, {lost.region}", lost.unit, lost)
    for mix in here(factors.residual):
        yield _entry(f"Residual mix of {mix.region}", mix.unit, mix)
    for name, unit, span in (
        ("Overhead of the data centre (PUE)", "kWh/kWh", factors.pue),
        ("Price of electricity", f"{factors.currency}/kWh", factors.price),
        ("Making of a server", "kgCO2e", factors.embodied),
        ("Use of a server", "year", factors.lifetime),
    ):
        if span is not None:
            yield _entry(f"{name}, least", unit, span.low)
            yield _entry(f"{name}, most", unit, span.high)


def _entry(name: str, unit: str, known: Factor | Stated) -> AccountInput:
    ends = (known.value,) * 2 if isinstance(known, Factor) else (known.low, known.high)
    about = known.model_dump(include={"origin", "source", "year", "licence"})
    return AccountInput(name=name, low=ends[0], high=ends[1], unit=unit, **about)
