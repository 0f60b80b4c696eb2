"""``leanstage gc``, and a rollback after it."""

import pytest
from typer.testing import CliRunner, Result

from leanstage.cli.main import app
from leanstage.errors import InputError
from leanstage.gate.rollback import roll_back
from tests.gc.conftest import WEIGHTS, State


def gc(*options: str) -> Result:
    """The command on the experiments of the fixture."""
    named = ["--experiment", "runs", "--promoted-experiment", "promoted"]
    done = CliRunner().invoke(app, ["gc", *named, *options], catch_exceptions=False)
    assert done.exit_code == 0
    return done


def test_it_looks_first_and_deletes_when_told(state: State) -> None:
    assert "Nothing may go." in gc().stdout
    run_id = state.run(days_ago=91, files=WEIGHTS)
    looked = gc()
    assert "1 in all, 20 B. Nothing was deleted; --yes deletes." in looked.stdout
    assert state.client.list_artifacts(run_id, "optimized/variant")
    assert "Nothing may go." in gc("--older-than", "92").stdout
    done = gc("--yes")
    assert f"deleted  variant {run_id}" in done.stdout
    assert "20 B deleted" in done.stdout
    assert not state.client.list_artifacts(run_id, "optimized/variant")
    assert "Nothing may go." in gc("--yes").stdout


def test_a_rollback_passes_over_what_was_collected(state: State) -> None:
    models = [state.model() for _ in range(3)]
    for model in models:
        state.version("m", model)
    assert state.collect(state.rules(later=100, keep=1)) == [("earlier champion", models[0])]
    with pytest.raises(InputError, match="no earlier champion whose bytes are kept; those are: 2"):
        roll_back("m", "1")
