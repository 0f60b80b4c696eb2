"""How many requests each model gets in a year: from a file, or from Prometheus."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from leanstage.contracts import AuditEntry
from leanstage.errors import InputError

_DAYS = 365.0
_PER_YEAR = {"requests_per_year": 1.0, "requests_per_day": _DAYS}


@dataclass(frozen=True)
class Volumes:
    """Requests a year by what they are known of.

    Attributes:
        by_name: by ``model``, ``model/version`` or ``namespace/name`` of a workload.
        source: where they come from, as a clause.
    """

    by_name: Mapping[str, float] = field(default_factory=dict)
    source: str = ""

    def of(self, entry: AuditEntry, *, whole: bool = True) -> float | None:
        """Requests that an entry gets: of its version, its workloads together, or its model.

        Args:
            whole: the requests of the model are those of this entry.
        """
        versioned = f"{entry.model}/{entry.version}"
        if versioned in self.by_name:
            return self.by_name[versioned]
        known = [
            self.by_name[name] * (100 if each.share_percent is None else each.share_percent) / 100
            for each in entry.served_by
            if (name := f"{each.namespace}/{each.name}") in self.by_name
        ]
        if known:
            return math.fsum(known)
        return self.by_name.get(entry.model) if whole else None


def names(entry: AuditEntry, *, whole: bool = True) -> set[str]:
    """All names that `Volumes.of` knows an entry by."""
    workloads = {f"{each.namespace}/{each.name}" for each in entry.served_by}
    return {f"{entry.model}/{entry.version}", *workloads, *([entry.model] if whole else [])}


def read_volumes(path: Path) -> Volumes:
    """Volumes from a CSV with the columns ``model`` and ``requests_per_year`` or ``_per_day``.

    Raises:
        InputError: the file cannot be read, or a line of it is none.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            columns = set(rows.fieldnames or ())
            counted = next((name for name in _PER_YEAR if name in columns), None)
            if counted is None or "model" not in columns:
                raise InputError(
                    f"{path} has no columns model and requests_per_year or requests_per_day; name "
                    "them in its first line."
                )
            found: dict[str, float] = {}
            for row in rows:
                name = (row["model"] or "").strip()
                if not name or name in found:
                    what = "holds no model" if not name else f"names {name} a second time"
                    raise InputError(f"{path}, line {rows.line_num}, {what}; mend the line.")
                found[name] = _amount(row[counted], path, rows.line_num) * _PER_YEAR[counted]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The volumes {path} cannot be read: {error}.") from error
    return Volumes(found, path.name)


def _amount(text: str | None, path: Path, line: int) -> float:
    try:
        amount = float(text or "")
    except ValueError:
        amount = math.nan
    if not 0.0 <= amount < math.inf:
        raise InputError(
            f"{path}, line {line}, holds {text!r} where a number of requests belongs; mend it."
        )
    return amount
