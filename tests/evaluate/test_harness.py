"""Standard tasks: the harness's own scores, held against each other row by row."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from leanstage.contracts import StandardTasks
from leanstage.errors import InputError
from leanstage.evaluate.harness import compare_on_tasks
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt
from leanstage.variant.forms import write_bf16
from tests.generation_model import HOMES, sentences, write_prompts

CHOICES = sorted({*HOMES.values(), "village"})
TASKS = {
    "where": {
        "output_type": "multiple_choice",
        "doc_to_choice": CHOICES,
        "doc_to_target": "{{completion}}",
        "metric_list": [{"metric": "acc"}],
    },
    "ending": {
        "output_type": "generate_until",
        "generation_kwargs": {"max_gen_toks": 6, "until": ["\n", "</s>"]},
        "doc_to_target": "{{completion}}",
        "metric_list": [{"metric": "exact_match"}],
        "filter_list": [
            {
                "name": "word",
                "filter": [
                    {"function": "regex", "regex_pattern": r"(\w+)"},
                    {"function": "take_first"},
                ],
            }
        ],
    },
    "sentences": {
        "output_type": "loglikelihood",
        "doc_to_target": "{{completion}}",
        "metric_list": [{"metric": "perplexity"}, {"metric": "acc"}],
    },
}


@pytest.fixture(scope="module")
def models(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Variant, Variant]:
    folder = tmp_path_factory.mktemp("models")
    baseline = adopt(tiny_llama, folder / "baseline")
    return baseline, write_bf16(baseline, folder / "candidate")


@pytest.fixture
def own_tasks(tmp_path: Path) -> Path:
    """Tasks whose rows are files at hand."""
    rows = write_prompts(tmp_path / "rows.jsonl", sentences(60, seed=11))
    folder = tmp_path / "tasks"
    folder.mkdir()
    for name, says in TASKS.items():
        task = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(rows)}},
            "test_split": "test",
            "doc_to_text": "{{prompt.strip()}}",
            **says,
        }
        (folder / f"{name}.yaml").write_text(json.dumps(task), encoding="utf-8")
    return folder


def test_scores_of_the_harness_are_compared_row_by_row(
    models: tuple[Variant, Variant], own_tasks: Path
) -> None:
    pytest.importorskip("lm_eval", reason="needs lm-eval: pip install 'leanstage[harness]'")
    found = compare_on_tasks(*models, list(TASKS), include=own_tasks)
    scores = {(score.task, score.metric): score for score in found.scores}
    for task, metric in (("where", "acc"), ("ending", "exact_match,word")):
        score = scores[task, metric]
        assert score.n == 60
        assert score.counts is not None
        assert score.counts.n == 60
        assert score.baseline > 0.8, "this model has learnt how sentences end"
        assert score.ci95[0] <= score.difference <= score.ci95[1]
        assert score.ci95[0] < score.ci95[1], "no certainty from 60 rows"
        right = score.counts.both_right + score.counts.baseline_only
        assert score.baseline == pytest.approx(right / 60)
    likely = scores["sentences", "perplexity"]
    assert likely.counts is None
    assert likely.baseline == pytest.approx(likely.candidate, rel=0.05)
    assert StandardTasks.model_validate_json(found.model_dump_json()) == found


def test_a_limit_asks_fewer_rows(models: tuple[Variant, Variant], own_tasks: Path) -> None:
    pytest.importorskip("lm_eval", reason="needs lm-eval: pip install 'leanstage[harness]'")
    (score,) = compare_on_tasks(*models, ["where"], include=own_tasks, limit=12).scores
    assert score.n == 12


def test_what_cannot_be_asked(
    models: tuple[Variant, Variant],
    own_tasks: Path,
    tiny_checkpoint: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    pytest.importorskip("lm_eval", reason="needs lm-eval: pip install 'leanstage[harness]'")
    for tasks in (["wheer"], []):
        with pytest.raises(InputError, match="has no task"):
            compare_on_tasks(*models, tasks, include=own_tasks)
    with pytest.raises(InputError, match="is not a folder"):
        compare_on_tasks(*models, ["where"], include=tmp_path / "nothing")
    classifier = adopt(tiny_checkpoint("bert"), tmp_path / "classifier")
    with pytest.raises(InputError, match="standard tasks are for models that generate"):
        compare_on_tasks(models[0], classifier, ["where"], include=own_tasks)


def test_without_the_harness(
    models: tuple[Variant, Variant], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", None)
    with pytest.raises(InputError, match=r"pip install 'leanstage\[harness\]'"):
        compare_on_tasks(*models, ["where"])
