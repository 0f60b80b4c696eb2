"""Figures as a person reads them. Every function here returns words, never ``nan`` or ``None``."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

MINUS = "\N{MINUS SIGN}"
GAP = "\N{NO-BREAK SPACE}"
MISSING = "not measured"


def shown(value: float | None, form: Callable[[float], str], missing: str = MISSING) -> str:
    """``value`` through ``form``; ``missing`` where there is no finite value."""
    return missing if value is None or not math.isfinite(value) else form(value)


def _minus(text: str) -> str:
    """True minus sign, and no sign on a zero."""
    if text.startswith(("-", "+")) and not any(digit in text for digit in "123456789"):
        return text[1:]
    return text.replace("-", MINUS)


def count(value: float) -> str:
    """A whole number: ``12,345``."""
    return _minus(f"{value:,.0f}")


def sample(n: float) -> str:
    """A number of rows, kept on one line: ``n = 3,080``."""
    return f"n{GAP}={GAP}{count(n)}"


def percent(share: float) -> str:
    """A share as ``94.2%``."""
    return _minus(f"{share * 100:.1f}%")


def level(share: float) -> str:
    """A limit or confidence without needless decimals: ``95%``, ``97.5%``."""
    return f"{share * 100:.4g}%"


def points(share: float) -> str:
    """A difference of shares in percentage points, signed: ``+0.31``."""
    return _minus(f"{share * 100:+.2f}")


def point_tick(share: float) -> str:
    """An axis label in percentage points: ``-1.5``."""
    return _minus(f"{round(share * 100, 6):+g}")


def ratio_tick(value: float) -> str:
    """An axis label for a ratio: ``0.5``."""
    return _minus(f"{round(value, 9):g}")


def point_span(low: float, high: float) -> str:
    """An interval of differences in percentage points: ``-1.10 to +0.50``."""
    return f"{points(low)} to {points(high)}"


def loss(drop: float) -> str:
    """A drop in words: ``0.30 points lost``."""
    size = _minus(f"{abs(drop) * 100:+.2f}").lstrip("+")
    if not any(digit in size for digit in "123456789"):
        return "no change"
    return f"{size} points {'lost' if drop > 0 else 'gained'}"


def limit(share: float) -> str:
    """The most that may be lost: ``at most 2.00 points``."""
    return f"at most {share * 100:.2f} points"


def more(increase: float) -> str:
    """A relative increase in words: ``0.90% more``."""
    size = f"{abs(increase) * 100:.2f}%"
    return "no change" if size == "0.00%" else f"{size} {'more' if increase > 0 else 'less'}"


def more_limit(share: float) -> str:
    """The largest relative increase: ``at most 2.00% more``."""
    return f"at most {share * 100:.2f}% more"


def chance(p: float) -> str:
    """A p-value: ``0.42``, ``< 0.001``."""
    return f"<{GAP}0.001" if p < 0.001 else significant(p, 2)


def significant(value: float, digits: int = 3) -> str:
    """``value`` to so many significant digits, without an exponent above one millionth."""
    if value == 0:
        return "0"
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    if exponent < -6:
        return _minus(f"{value:.{digits - 1}e}")
    return _minus(f"{round(value, digits - 1 - exponent):,.{max(0, digits - 1 - exponent)}f}")


def ratio(value: float) -> str:
    """A ratio to three significant digits, or three decimals from 0.1 on: ``0.0821``."""
    return _minus(f"{value:,.3f}") if abs(value) >= 0.1 else significant(value)


def span(low: float, high: float) -> str:
    """An interval of ratios: ``0.0801 to 0.0842``."""
    return f"{ratio(low)} to {ratio(high)}"


def change(value: float) -> str:
    """A ratio as a relative change, signed: ``-91.8%``."""
    return _minus(f"{(value - 1) * 100:+.1f}%")


def share_change(difference: float) -> str:
    """A difference of shares of one whole, signed: ``-28.0 points``."""
    return _minus(f"{difference * 100:+.1f} points")


def money(value: float, currency: str) -> str:
    """An amount: ``EUR 1.42``."""
    return f"{currency}{GAP}{significant(value)}"


def amounts(low: float, high: float) -> str:
    """An interval of amounts: ``0.42 to 1.9``."""
    ends = dict.fromkeys((significant(low), significant(high)))
    return " to ".join(ends)


def versus(value: float) -> str:
    """A ratio of energies in words: ``91.8% less energy per answer than``."""
    size = f"{abs(value - 1) * 100:.1f}%"
    if size == "0.0%":
        return "as much energy per answer as"
    return f"{size} {'less' if value < 1 else 'more'} energy per answer than"


def joules(value: float) -> str:
    """Energy in joules: ``0.0421 J``."""
    return f"{significant(value)}{GAP}J"


def milliseconds(value: float) -> str:
    """A time in milliseconds: ``3.42 ms``."""
    return f"{significant(value)}{GAP}ms"


def size(value: float) -> str:
    """Bytes in decimal units: ``90.9 MB``."""
    for unit in ("bytes", "kB", "MB"):
        if abs(value) < 1000:
            figure = count(value) if unit == "bytes" else significant(value)
            return f"{figure}{GAP}{unit}"
        value /= 1000
    return f"{significant(value)}{GAP}GB"


def parameters(value: float) -> str:
    """A parameter count: ``22.7 million``."""
    if abs(value) >= 1e9:
        return f"{significant(value / 1e9)}{GAP}billion"
    if abs(value) >= 1e6:
        return f"{significant(value / 1e6)}{GAP}million"
    return count(value)


def seconds(value: float) -> str:
    """A duration: ``4.2 s``, ``3 min 05 s``, ``1 h 12 min``."""
    if value < 60:
        return f"{value:.1f}{GAP}s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60}{GAP}min {whole % 60:02d}{GAP}s"
    return f"{whole // 3600}{GAP}h {whole % 3600 // 60:02d}{GAP}min"


def short(digest: str) -> str:
    """The first 12 characters of a digest."""
    return digest[:12]


def moment(milliseconds_utc: int) -> str:
    """Milliseconds since 1970 as a UTC time."""
    try:
        return f"{datetime.fromtimestamp(milliseconds_utc / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, OSError, ValueError):
        return f"{milliseconds_utc} ms after 1970"


def when(text: str) -> str:
    """An ISO 8601 time as a UTC time to the minute; any other text as it is."""
    try:
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return text
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if time.tzinfo else text


def plain(value: Any) -> str:
    """Any JSON value in words."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return shown(value, lambda v: _minus(f"{v:g}"), "not a number")
    if isinstance(value, Mapping):
        return settings(value)
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value) or "none"
    return str(value)


def settings(values: Mapping[str, Any]) -> str:
    """Settings as ``name value, name value``."""
    pairs = [f"{key.replace('_', ' ')} {plain(value)}" for key, value in values.items()]
    return ", ".join(pairs) or "default settings"


def ending(text: str, limit: int = 220) -> str:
    """``text`` on one line, cut to its last ``limit`` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else f"…{flat[1 - limit :].lstrip()}"


def excerpt(text: str, limit: int = 220) -> str:
    """``text`` on one line, cut at ``limit`` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else f"{flat[: limit - 1].rstrip()}…"
