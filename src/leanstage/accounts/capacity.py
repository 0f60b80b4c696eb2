"""How many replicas an objective for latency takes: waiting copies draw power, too.

Requests come at random (Poisson) to one queue before equal replicas that answer one at a time.

- An answer takes a log-normal time through the median and the 95th percentile that were measured.
- A request waits with the probability of Erlang's C formula (A. K. Erlang, 1917).
- How long it waits is taken as exponential, its mean that of M/M/c times half of one plus the
  squared variation of the answering times (A. O. Allen and J. Cunneen; Allen, Probability,
  Statistics, and Queueing Theory, 2nd ed. 1990, section 5.3.2).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from leanstage.contracts import Objective
from leanstage.errors import InputError

MOST_REPLICAS = 10_000
"""As many are worked out from an objective."""
_NORMAL: NDArray[np.float64] = stats.norm.ppf((np.arange(2_000) + 0.5) / 2_000)
"""Equally probable values of a standard normal variable."""
_Z95 = float(stats.norm.ppf(0.95))


@dataclass(frozen=True)
class Service:
    """The time that one answer takes, without waiting.

    Attributes:
        median_seconds: half of the answers take no longer.
        sigma: standard deviation of its logarithm; 0 where all take equally long.
    """

    median_seconds: float
    sigma: float

    @classmethod
    def through(cls, p50_seconds: float, p95_seconds: float) -> "Service":
        """The log-normal time with this median and this 95th percentile."""
        return cls(p50_seconds, max(0.0, math.log(p95_seconds / p50_seconds) / _Z95))

    @property
    def mean_seconds(self) -> float:
        """Mean of the log-normal distribution."""
        return self.median_seconds * math.exp(self.sigma**2 / 2)

    @property
    def squared_variation(self) -> float:
        """Variance over the squared mean."""
        return math.expm1(self.sigma**2)

    def quantiles_seconds(self) -> NDArray[np.float64]:
        """Equally probable times."""
        return self.median_seconds * np.exp(self.sigma * _NORMAL)


def waiting_share(replicas: int, offered: float) -> float:
    """Share of the requests that find every replica busy (Erlang C).

    Args:
        replicas: at least 1.
        offered: requests a second times the mean seconds of an answer; below ``replicas``.
    """
    blocked = 1.0
    for count in range(1, replicas + 1):
        blocked = offered * blocked / (count + offered * blocked)
    return blocked / (1.0 - (offered / replicas) * (1.0 - blocked))


def late_share(seconds: float, replicas: int, per_second: float, service: Service) -> float:
    """Share of the answers that take longer than ``seconds``, waiting included.

    It is 1 where more is asked for than the replicas can answer.
    """
    offered = per_second * service.mean_seconds
    if offered >= replicas:
        return 1.0
    waiting = waiting_share(replicas, offered)
    stretch = (1.0 + service.squared_variation) / 2
    rate = (replicas - offered) / service.mean_seconds / stretch
    left = seconds - service.quantiles_seconds()
    return float(np.where(left < 0, 1.0, waiting * np.exp(-rate * np.maximum(left, 0.0))).mean())


def replicas_needed(
    seconds: float, share: float, per_second: float, service: Service, at_least: int = 1
) -> int | None:
    """The fewest replicas at which ``share`` of the answers come within ``seconds``.

    Returns:
        None where no number of them does: an answer alone takes too long.
    """
    fewest = max(at_least, math.floor(per_second * service.mean_seconds) + 1)
    if float((service.quantiles_seconds() > seconds).mean()) >= 1 - share:
        return None
    while late_share(seconds, fewest, per_second, service) > 1 - share:
        fewest += 1
    return fewest


def replicas_for(name: str, objective: Objective, service: Service, mean_per_second: float) -> int:
    """The fewest replicas of the form ``name`` that an objective takes.

    Args:
        mean_per_second: requests, over the year.

    Raises:
        InputError: the objective contradicts the year, or no number of replicas meets it.
    """
    peak = objective.peak_per_second
    if peak.low < mean_per_second:
        raise InputError(
            f"The busiest time, {peak.low:g} requests a second, is below the mean of the year, "
            f"{mean_per_second:.3g}; correct peak_per_second or answers_per_year."
        )
    busy = peak.high * service.mean_seconds
    if busy > MOST_REPLICAS:
        raise InputError(
            f"{peak.high:g} requests a second keep {busy:.3g} replicas of {name} busy, and "
            f"accounts go to {MOST_REPLICAS:,}; correct peak_per_second, or state replicas."
        )
    found = replicas_needed(
        objective.latency_ms / 1e3,
        objective.share,
        peak.high,
        service,
        objective.replicas_at_least,
    )
    if found is None:
        raise InputError(
            f"No number of replicas of {name} brings {objective.share:.0%} of the answers "
            f"within {objective.latency_ms:g} ms: an answer alone takes "
            f"{service.mean_seconds * 1e3:.3g} ms in the mean. State a longer objective."
        )
    return found
