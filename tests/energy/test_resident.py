import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from leanstage.energy.parent import WorkerError
from leanstage.energy.resident import ResidentWorker

TEXTS = [f"text {i}" for i in range(20)]
MakeVariant = Callable[..., Path]


def test_windows_warm_up_and_latency(make_variant: MakeVariant) -> None:
    with ResidentWorker("candidate") as worker:
        assert worker.load(make_variant("candidate"), "tiny_predictor:burning") > 0
        worker.prepare(TEXTS, 8)
        assert worker.warm_up(0.5, 10).iterations >= 10
        run = worker.run(0.05, 45)
        singles = worker.one_by_one(25)
        longer = worker.one_by_one(1, 0.05)
    assert run.answers == run.planned >= 60
    assert run.planned % len(TEXTS) == 0
    assert run.wall_seconds >= 0.05
    assert run.peak_rss_bytes > 2**20
    assert len(singles.milliseconds) == 25
    assert min(singles.milliseconds) > 0
    assert sum(singles.milliseconds) == pytest.approx(singles.wall_seconds * 1e3)
    assert longer.wall_seconds >= 0.05
    assert len(longer.milliseconds) > 1


def test_only_the_workers_own_cpu_time_counts(make_variant: MakeVariant) -> None:
    with ResidentWorker("candidate") as worker:
        worker.load(make_variant("candidate"), "tiny_predictor:sleeping")
        worker.prepare(TEXTS, 4)
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as load_beside:
            try:
                run = worker.run(0.4, 20)
            finally:
                load_beside.kill()
    assert run.cpu_seconds < 0.5 * run.wall_seconds


def test_rows_without_finite_probabilities_are_no_answers(make_variant: MakeVariant) -> None:
    with ResidentWorker("candidate") as worker:
        worker.load(make_variant("candidate"), "tiny_predictor:cut")
        worker.prepare(TEXTS, 4)
        run = worker.run(0.01, 20)
    assert run.answers == run.planned * 3 // 4


def test_a_pool_that_spins_while_it_waits_is_seen(make_variant: MakeVariant) -> None:
    with ResidentWorker("candidate") as worker:
        worker.load(make_variant("candidate"), "tiny_predictor:spinning")
        time.sleep(0.3)
        worker.prepare(TEXTS, 4)
        assert worker.idle_share > 0.05
        time.sleep(0.3)
        assert worker.wait() > 0.005


def test_a_model_that_does_not_load_is_said_in_one_sentence(tmp_path: Path) -> None:
    with (
        ResidentWorker("baseline") as worker,
        pytest.raises(WorkerError, match=r"The baseline worker failed to load: .*no_such_module"),
    ):
        worker.load(tmp_path, "no_such_module:load")


def test_a_worker_that_falls_silent_is_stopped(make_variant: MakeVariant) -> None:
    folder = make_variant("candidate")
    with ResidentWorker("candidate") as worker:
        worker.load(folder, "tiny_predictor:hanging")
        worker.reply_seconds = 0.5
        with pytest.raises(WorkerError, match=r"did not prepare within 0\.5 s"):
            worker.prepare(TEXTS, 4)
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), 0)
