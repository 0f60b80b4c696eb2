"""What the lines of an inventory add to a sustainability statement."""

from leanstage.accounts.units import Range
from leanstage.contracts import Disclosure, Interval, InventoryLine, Setting

ESRS_VERSION = "2023/2772"
"""The delegated regulation whose data points are meant."""


def disclosures(
    setting: Setting, energy: Range, lines: tuple[InventoryLine, ...]
) -> tuple[Disclosure, ...]:
    """Energy of the data centre in the year, and the lines, by data points of ESRS E1."""

    def record(concept: str, value: Interval | None, basis: str, unit: str = "tCO2e") -> Disclosure:
        return Disclosure.model_validate(
            {
                "concept": concept,
                "standard_version": ESRS_VERSION,
                "unit": unit,
                "value": value,
                "period_start": f"{setting.year}-01-01",
                "period_end": f"{setting.year}-12-31",
                "basis": basis,
            }
        )

    found = []
    if setting.site == "owned":
        basis = "Electricity of the data centre for this model."
        concept = "EnergyConsumptionRelatedToOwnOperations"
        found.append(record(concept, energy.to("MWh"), basis, "MWh"))
    for line in lines:
        if line.method is not None:
            concept = f"Gross{line.method.capitalize()}BasedScope2GreenhouseGasEmissions"
            found.append(record(concept, line.tco2e, line.basis))
    third = [line for line in lines if line.scope == 3]
    missing = [f"category {line.category}" for line in third if line.tco2e is None]
    total = None
    if not missing:
        total = (
            sum(line.tco2e[0] for line in third if line.tco2e),
            sum(line.tco2e[1] for line in third if line.tco2e),
        )
    names = " and ".join(f"{line.category}" for line in third)
    basis = (
        f"Not known without {' and '.join(missing)}: a part is no total."
        if missing
        else f"Sum of the categories {names} that this model adds to."
    )
    found.append(record("GrossScope3GreenhouseGasEmissions", total, basis))
    return tuple(found)
