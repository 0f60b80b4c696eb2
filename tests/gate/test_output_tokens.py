"""Of models that write, energy counts where every answer has equally many tokens."""

from typing import Any

from leanstage.gate.measurement import energy_problems


def test_answers_of_any_length_are_no_evidence(genuine: Any) -> None:
    writes = genuine.manifest("a" * 64, task="text-generation", labels=())
    energy = genuine.energy()
    (problem,) = energy_problems(genuine.candidate(manifest=writes), genuine.policy)
    assert problem.code == "evidence.anomalous"
    assert "may differ in length" in problem.sentence
    work = energy.workload.model_copy(update={"tokens_per_answer": 32})
    equal = energy.model_copy(update={"workload": work})
    assert energy_problems(genuine.candidate(manifest=writes, energy=equal), genuine.policy) == []
    assert energy_problems(genuine.candidate(), genuine.policy) == []
