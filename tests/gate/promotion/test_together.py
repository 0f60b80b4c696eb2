"""Two gates at once: one wins, the other says so."""

import threading
from typing import Any

import pytest

from leanstage.registry import champions, versions


def test_of_two_promotions_at_once_one_wins(
    promoting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decisions = [promoting.decision(), promoting.decision()]
    # Both have stored their bytes and looked for others before either claims its place.
    ready = threading.Barrier(2, timeout=60)
    genuine = versions.create_version

    def together(*arguments: Any, **named: Any) -> Any:
        ready.wait()
        return genuine(*arguments, **named)

    monkeypatch.setattr("leanstage.gate.promotion.create_version", together)
    outcomes: list[Any] = [None, None]

    def run(position: int) -> None:
        try:
            outcomes[position] = promoting.promote(
                decisions[position], target=promoting.folder / f"out-{position}"
            )
        except champions.ChampionError as error:
            outcomes[position] = error

    threads = [threading.Thread(target=run, args=(position,)) for position in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    lost = [outcome for outcome in outcomes if isinstance(outcome, champions.ChampionError)]
    won = [outcome for outcome in outcomes if not isinstance(outcome, champions.ChampionError)]
    assert len(lost) == len(won) == 1, outcomes
    assert champions.champion("tiny") == won[0]
    assert sorted(entry.state for entry in champions.history("tiny")) == ["abandoned", "promoted"]
    said = str(lost[0])
    assert "another promotion of tiny is under way" in said or "the champion of tiny is" in said


def test_a_claim_that_is_alive_stands_in_the_way_until_its_lease_ends(
    promoting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = promoting.decision(), promoting.decision()
    monkeypatch.setattr(champions, "runner_name", lambda pid: "another-host:1")
    with monkeypatch.context() as stopped:
        stopped.setattr("leanstage.gate.promotion._require_stored", _die)
        with pytest.raises(KeyboardInterrupt):
            promoting.promote(first)
    with pytest.raises(champions.ChampionError, match=r"under way.*another-host:1.*from \d\d:\d\d"):
        promoting.promote(second)
    monkeypatch.setattr(champions, "LEASE", -champions.LEASE)
    version = promoting.promote(second)
    assert champions.champion("tiny") == version
    assert [entry.state for entry in champions.history("tiny")] == ["promoted", "abandoned"]


def _die(*_: object) -> None:
    raise KeyboardInterrupt
