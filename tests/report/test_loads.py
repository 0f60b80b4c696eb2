"""Every load in the report: what is judged, and what is beside it."""

from leanstage.contracts import Decode, Service
from leanstage.report.document import Table
from leanstage.report.sections.arms import arm_table
from leanstage.report.sections.loads import loads_table
from tests.report.conftest import energy

ENERGY = energy("candidate", 0.0064, 0.11)
(SINGLE,) = ENERGY.loads


def rows(table: Table) -> dict[str, list[str]]:
    return {
        f"{row[0].text}, {row[0].sub}": [f"{cell.text} {cell.sub}".strip() for cell in row[1:]]
        for row in table.rows
    }


def test_reading_writing_and_the_rate_of_production() -> None:
    service = {
        "baseline": Service(achieved_rate=12.5, overloaded=True),
        "candidate": Service(
            achieved_rate=40.1, overloaded=False, latency_p50_ms=3.0, latency_p95_ms=9.0
        ),
    }
    found = ENERGY.model_copy(
        update={
            "loads": (
                SINGLE,
                SINGLE.model_copy(update={"batch_size": 8, "tokens_per_answer": 1}),
                SINGLE.model_copy(
                    update={"batch_size": 8, "request_rate": 40.0, "service": service}
                ),
            ),
            "decode": Decode(
                joules_per_token={"candidate": 0.002}, registered=None, strongest=None
            ),
        }
    )
    shown = rows(loads_table(found))
    assert "Energy per answer, one at a time" in shown
    assert "Energy per answer, reading prompts, in batches of 8" in shown
    assert "Energy per answer, 40.0 answers per second, in batches of 8" in shown
    token = shown["Energy per token, each token after the first"]
    assert token[1].replace("\N{NO-BREAK SPACE}", " ") == "0.00200 J"
    # What is missing is never 0.
    assert not any(figure.startswith("0 ") for figure in (token[0], *token[2:]))
    late = shown["Latency, 95th percentile, 40.0 answers per second, in batches of 8"]
    assert late[0] == "overloaded 12.5 answers per second"
    assert late[1].replace("\N{NO-BREAK SPACE}", " ") == "9.00 ms median 3.00 ms"


def test_energy_beyond_rest_stands_beside_the_whole() -> None:
    arms = tuple(
        arm.model_copy(update={"dynamic_joules_per_answer": arm.joules_per_answer / 2})
        if arm.name == "baseline"
        else arm
        for arm in ENERGY.arms
    )
    table = arm_table(ENERGY.model_copy(update={"arms": arms}))
    at = [column.title for column in table.columns].index("Beyond rest")
    cells = {row[0].sub.partition(":")[0]: row[at].text for row in table.rows}
    assert cells["baseline"].replace("\N{NO-BREAK SPACE}", " ") == "0.0292 J"
    assert "0 J" not in cells.values()
