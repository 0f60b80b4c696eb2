"""The file of settings in the documentation is one, and shows every setting that it could."""

import re
from pathlib import Path

from leanstage.pipelines import PIPELINES, Platform, on_platform

PAGE = Path(__file__).parents[2] / "docs" / "kubeflow.md"


def test_the_settings_of_the_page_can_be_compiled(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "platform.yaml"
    path.write_text(text, encoding="utf-8")
    platform = Platform.load(path)
    for pipeline in PIPELINES.values():
        on_platform(pipeline, platform)
    assert set(Platform.model_fields) - platform.model_fields_set <= {"mlflow", "control_nodes"}


def test_the_page_names_every_task_that_gets_something() -> None:
    from leanstage.pipelines._tasks import KNOWN

    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in KNOWN if name != "plan" and f"`{name}`" not in page] == []
