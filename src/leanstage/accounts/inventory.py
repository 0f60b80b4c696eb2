"""Lines of a greenhouse-gas inventory.

GHG Protocol: Scope 2 Guidance (2015); Corporate Value Chain (Scope 3) Standard (2011), chapter 5.
"""

from functools import reduce
from operator import add

from leanstage.accounts.amounts import of_rows
from leanstage.accounts.units import Range, figure
from leanstage.contracts import Factors, Interval, InventoryLine, Setting


def inventory(
    setting: Setting, factors: Factors, energy: Range, bought: Range, used: Range
) -> tuple[InventoryLine, ...]:
    """The lines that a setting asks for.

    Args:
        energy: of the data centre, in the year.
        bought: emissions of making the share of servers that the replicas hold.
        used: the part of it that falls on the year by its length over the lifetime.
    """
    if setting.site == "cloud":
        return (_service(factors, energy, used),)
    return (
        _location(factors, energy),
        _market(setting, factors, energy),
        _capital(setting, bought),
        _upstream(factors, energy),
    )


def _location(factors: Factors, energy: Range) -> InventoryLine:
    rows = factors.grid("direct")
    if not rows:
        return InventoryLine(
            scope=2, method="location", tco2e=None, basis=_no_direct(factors.region)
        )
    return InventoryLine(
        scope=2,
        method="location",
        tco2e=(energy * of_rows(rows, "gCO2e/kWh")).to("tCO2e"),
        basis=f"Electricity of the data centre by the direct intensity of the grid of "
        f"{factors.region}.",
    )


def _market(setting: Setting, factors: Factors, energy: Range) -> InventoryLine:
    """By the hierarchy of the Scope 2 Guidance, table 6.3: contracts, residual mix, the grid."""

    def line(tco2e: Interval | None, basis: str) -> InventoryLine:
        return InventoryLine(scope=2, method="market", tco2e=tco2e, basis=basis)

    residual = factors.here(factors.residual)
    if not setting.contracts and not residual:
        return line(
            None,
            "Neither a contract nor a residual mix is stated: name contracts in the setting, or "
            f"residual for {factors.region} among the factors.",
        )
    covered = sum(contract.share for contract in setting.contracts)
    left = max(0.0, 1.0 - covered)
    rest = residual or factors.grid("direct")
    if left > 1e-9 and not rest:
        return line(None, f"{covered:.0%} is under contract. {_no_direct(factors.region)}")
    parts = [
        energy * each.share * figure(each.gco2e_per_kwh, "gCO2e/kWh") for each in setting.contracts
    ]
    if left > 1e-9:
        parts.append(energy * left * of_rows(rest, "gCO2e/kWh"))
    basis = f"{covered:.0%} under contract"
    if left > 1e-9 and residual:
        basis += f", the rest by the residual mix of {factors.region}"
    elif left > 1e-9:
        basis += f", the rest by the grid of {factors.region}, as no residual mix is stated"
    return line(reduce(add, parts).to("tCO2e"), f"{basis}.")


def _capital(setting: Setting, bought: Range) -> InventoryLine:
    """Whole in the year of the purchase: the Scope 3 Standard spreads them over no years."""
    known = setting.server_bought
    if known is None:
        return InventoryLine(
            scope=3,
            category=2,
            tco2e=None,
            basis="Capital goods count whole in the year of their purchase, which is not stated: "
            "name server_bought.",
        )
    if known != setting.year:
        return InventoryLine(
            scope=3,
            category=2,
            tco2e=(0.0, 0.0),
            basis=f"The servers count whole in {known}, when they were bought.",
        )
    return InventoryLine(
        scope=3,
        category=2,
        tco2e=bought.to("tCO2e"),
        basis="Making of the servers, by the share that the replicas hold, whole in the year of "
        "the purchase.",
    )


def _upstream(factors: Factors, energy: Range) -> InventoryLine:
    """Fuels before they burn, and what is lost on the way, by kWh delivered."""
    direct = factors.grid("direct")
    fuels, lost = factors.here(factors.upstream), factors.here(factors.losses)
    if not (direct and fuels and lost):
        return InventoryLine(
            scope=3,
            category=3,
            tco2e=None,
            basis=f"It takes grids (direct), upstream and losses of {factors.region} among the "
            "factors; not all of them are there.",
        )
    share = of_rows(lost, "kWh/kWh")
    before = of_rows(fuels, "gCO2e/kWh")
    each = before + before * share + of_rows(direct, "gCO2e/kWh") * share
    return InventoryLine(
        scope=3,
        category=3,
        tco2e=(energy * each).to("tCO2e"),
        basis="Getting the fuels to the power plants, and what is generated to be lost on the way.",
    )


def _service(factors: Factors, energy: Range, used: Range) -> InventoryLine:
    rows = factors.grid("lifecycle")
    if not rows:
        return InventoryLine(
            scope=3,
            category=1,
            tco2e=None,
            basis=f"There is no lifecycle intensity of the grid of {factors.region} among the "
            "factors; add one to grids.",
        )
    return InventoryLine(
        scope=3,
        category=1,
        tco2e=(energy * of_rows(rows, "gCO2e/kWh") + used).to("tCO2e"),
        basis="A service bought: its electricity over the life cycle, and the year's part of the "
        "making of its servers.",
    )


def _no_direct(region: str) -> str:
    return (
        f"There is no direct intensity of the grid of {region} among the factors, which Scope 2 "
        "asks for; add one to grids."
    )
