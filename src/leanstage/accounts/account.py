"""What serving one model for a year takes: energy, emissions, money, and what was avoided."""

from dataclasses import replace

from leanstage.accounts.amounts import at_site, of_rows, spanned
from leanstage.accounts.disclosures import disclosures
from leanstage.accounts.inputs import inputs_of
from leanstage.accounts.inventory import inventory
from leanstage.accounts.units import Range, between, figure, hull
from leanstage.accounts.year import Form, Serving, one_at_a_time
from leanstage.contracts import (
    Accounts,
    Avoided,
    Capacity,
    EnergyComparison,
    Factors,
    Intensity,
    Interval,
    Setting,
)
from leanstage.errors import InputError


def account(
    energy: EnergyComparison, setting: Setting, factors: Factors, name: str | None = None
) -> Accounts:
    """The account of one measured form.

    Args:
        name: the form that serves; None is the candidate.

    Raises:
        InputError: the comparison is not valid, lacks what the setting asks for, or the setting
            contradicts itself.
    """
    if not energy.valid:
        failed = next((check.name for check in energy.checks if not check.passed), "none was made")
        raise InputError(
            f"The energy comparison is not valid (check: {failed}); no account can rest on it."
        )
    serving = Serving(energy, setting)
    form = serving.form(name or energy.registered.arm)
    base, reason = _baseline(serving, form)
    used, bought = _embodied(serving, form, factors)
    computers = _yearly(serving, form)
    site = at_site(computers, factors)
    lines = inventory(setting, factors, site, bought, used)
    cost, cost_basis = _cost(serving, form, factors)
    return Accounts(
        subject=form.name,
        digest=energy.arm(form.name).digest,
        setting=setting,
        region=factors.region,
        inputs=tuple(inputs_of(serving, (form, base) if base else (form,), factors)),
        capacity=_capacity(serving, form),
        kwh=site.to("kWh"),
        intensity=_intensity(serving, form, factors, used),
        inventory=lines,
        disclosures=disclosures(setting, site, lines),
        avoided=_avoided(serving, form, base, factors) if base else None,
        no_avoided=reason,
        cost_per_million=cost,
        currency=factors.currency,
        cost_basis=cost_basis,
    )


def _baseline(serving: Serving, form: Form) -> tuple[Form | None, str]:
    """The counterfactual, or None and why there is none."""
    name = serving.energy.registered.against
    if form.name == name:
        return None, "The baseline itself serves."
    try:
        return serving.form(name), ""
    except InputError as error:
        return None, f"The baseline could not have served so: {error}"


def _yearly(serving: Serving, form: Form) -> Range:
    """Energy of the computers in the year."""
    ends = [form.energy(corner, serving.year) for corner in serving.corners()]
    return between(*hull(ends, "kWh"), "kWh")


def _per_answer(serving: Serving, form: Form) -> Range:
    """Energy of the computers by answer, replicas that wait included."""
    corners = list(serving.corners())
    ends = [form.energy(corner, serving.year) / corner.answers for corner in corners]
    return between(*hull(ends, "kWh/answer"), "kWh/answer")


def _embodied(serving: Serving, form: Form, factors: Factors) -> tuple[Range, Range]:
    """``TE * (TiR / EL) * (RR / ToR)``, and the same without the share of the lifetime."""
    if factors.embodied is None or factors.lifetime is None:
        raise InputError("The factors name no embodied and lifetime of a server; add them.")
    share = serving.setting.replica.server_share
    held = (
        spanned(factors.embodied, factors.embodied.unit)
        * between(share.low, share.high)
        * form.replicas
    )
    lifetime = spanned(factors.lifetime, factors.lifetime.unit)
    return held * (serving.year / lifetime), held


def _intensity(serving: Serving, form: Form, factors: Factors, used: Range) -> Intensity:
    each = at_site(_per_answer(serving, form), factors)
    operational = each * of_rows(factors.intensities, "gCO2e/kWh")
    embodied = used / serving.answers
    return Intensity(
        gco2e_per_answer=(operational + embodied).to("gCO2e/answer"),
        operational=operational.to("gCO2e/answer"),
        embodied=embodied.to("gCO2e/answer"),
        boundary=factors.boundary,
    )


def _capacity(serving: Serving, form: Form) -> Capacity:
    shares = [form.busy(corner, serving.year) for corner in serving.corners()]
    objective = serving.setting.objective
    basis = "As many as the setting states."
    if objective is not None:
        basis = (
            f"The fewest that bring {objective.share:.0%} of the answers within "
            f"{objective.latency_ms:g} ms at {objective.peak_per_second.high:g} requests a second "
            f"(Erlang C, Allen and Cunneen), and at least {objective.replicas_at_least}."
        )
    return Capacity(replicas=form.replicas, busy=(min(shares), max(shares)), basis=basis)


def _cost(serving: Serving, form: Form, factors: Factors) -> tuple[Interval | None, str]:
    """Per million answers, in the currency of the factors."""
    replica, million = serving.setting.replica, figure(1e6, "answer")
    bill = at_site(_per_answer(serving, form), factors) * spanned(factors.price, "money/kWh")
    if replica.hourly_price is None:
        if serving.setting.site == "cloud":
            return None, "A cloud is paid by the hour; state replica.hourly_price."
        return (bill * million).to("money"), f"Electricity alone. {factors.cost_basis}"
    hourly = between(replica.hourly_price.low, replica.hourly_price.high, "money/hour")
    rent = hourly * serving.year * form.replicas / serving.answers
    if serving.setting.site == "cloud":
        return (rent * million).to("money"), "Replicas by the hour, their electricity included."
    return (
        ((bill + rent) * million).to("money"),
        f"Replicas by the hour, and electricity. {factors.cost_basis}",
    )


def _avoided(serving: Serving, form: Form, base: Form, factors: Factors) -> Avoided:
    """The baseline's energy less that of ``form``, at every end that moves both alike."""
    _, registered = one_at_a_time(serving.energy)
    ratio = form.joules / base.joules
    ratios = registered.ci95 if form.name == registered.arm else (ratio, ratio)
    ends = []
    for corner in serving.corners():
        otherwise = base.energy(corner, serving.year)
        for ratio in ratios:
            serves = replace(form, joules=base.joules * ratio)
            ends.append(otherwise + serves.energy(corner, serving.year) * -1.0)
    saved = at_site(between(*hull(ends, "kWh"), "kWh"), factors)
    return Avoided(
        counterfactual=f"{base.name}, the baseline as registered, gives the same answers.",
        replicas=base.replicas,
        kwh=saved.to("kWh"),
        tco2e=(saved * of_rows(factors.intensities, "gCO2e/kWh")).to("tCO2e"),
        assumptions=(
            "Without the candidate the baseline would have served, in the form as registered.",
            "As many answers would have been asked for: a cheaper answer is asked no more often.",
            "It would have run the replicas that the same objective takes of it."
            if serving.setting.objective
            else "It would have run as many replicas.",
            f"Both draw the same while they wait, and the grid of {factors.region} is as it is.",
            "Servers are not counted: what is not bought shows in category 2 or not at all.",
        ),
    )
