"""What a model that writes costs per output token."""

from leanstage.report.document import Table
from leanstage.report.sections.arms import arm_table
from leanstage.report.sections.energy import _unit
from tests.report.conftest import energy


def figures(table: Table, title: str) -> list[str]:
    at = [column.title for column in table.columns].index(title)
    return [row[at].text for row in table.rows]


def test_tokens_stand_beside_answers() -> None:
    classes = energy("candidate", 0.0064, 0.11)
    work = classes.workload.model_copy(update={"tokens_per_answer": 32, "endpoint": "vllm serve"})
    writes = classes.model_copy(update={"workload": work})
    assert figures(arm_table(writes), "J/answer")[0] == "0.0584"
    assert float(figures(arm_table(writes), "J/output token")[0]) == 0.00183
    assert _unit(writes) == (
        "One answer is 32 tokens written to one prompt of the workload through vllm serve"
    )
    assert writes.joules_per_token(writes.arm("baseline")) == 0.0584 / 32


def test_classes_have_no_tokens() -> None:
    classes = energy("candidate", 0.0064, 0.11)
    titles = [column.title for column in arm_table(classes).columns]
    assert "J/output token" not in titles
    assert classes.joules_per_token(classes.arm("baseline")) is None
