"""What docs/accounts.md shows can be used as it stands."""

import re
from pathlib import Path

from leanstage.accounts import load_factors, load_setting
from leanstage.accounts.account import account
from tests.accounts.evidence import comparison

PAGE = Path(__file__).parents[2] / "docs" / "accounts.md"


def test_the_files_of_the_page_make_an_account(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(# (\w+\.yaml).*?)```", PAGE.read_text(), re.DOTALL)
    for text, name in blocks:
        (tmp_path / name).write_text(text)
    setting = load_setting(tmp_path / "setting.yaml")
    factors = load_factors(tmp_path / "factors.yaml")
    found = account(comparison(scale=(0.7, 2.0)), setting, factors)
    lines = {line.method or f"category {line.category}": line for line in found.inventory}
    assert found.capacity.replicas > 1
    assert [name for name, line in lines.items() if line.tco2e is None] == ["category 3"]
    assert "the residual mix of DE" in lines["market"].basis
