"""Pipelines uploaded over REST to a server that keeps state: once, again, and after trouble."""

from pathlib import Path

import pytest
import yaml

from leanstage.errors import InputError
from leanstage.pipelines import PIPELINES
from leanstage.runner.kfp_client import Connection, KubeflowError
from leanstage.runner.packages import compiled
from leanstage.runner.upload import Uploads, upload
from tests.kfp_state import KfpServer


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packages")
    found = {name: folder / f"{name}.yaml" for name in PIPELINES}
    for name, path in found.items():
        compiled(name, path)
    return found


@pytest.fixture
def uploads(kfp_server: KfpServer) -> Uploads:
    return Uploads(Connection(host=kfp_server.uri))


def _versions(server: KfpServer) -> set[tuple[str, str]]:
    return {
        (server.pipelines[version["pipeline_id"]]["name"], version["name"])
        for version in server.versions.values()
    }


def test_every_pipeline_is_there_once_however_often_it_is_uploaded(
    kfp_server: KfpServer,
    uploads: Uploads,
    packages: dict[str, Path],
) -> None:
    first = [upload(uploads, path, "0.1.0") for path in packages.values()]
    again = [upload(uploads, path, "0.1.0") for path in packages.values()]
    assert [done.new for done in first] == [True] * 4
    assert [done.new for done in again] == [False] * 4
    assert _versions(kfp_server) == {(f"leanstage-{name}", "0.1.0") for name in PIPELINES}
    assert len(kfp_server.pipelines) == 4


def test_what_is_kept_is_the_package_and_what_the_pipeline_says_of_itself(
    kfp_server: KfpServer,
    uploads: Uploads,
    packages: dict[str, Path],
) -> None:
    upload(uploads, packages["deploy"], "0.1.0")
    spec = next(yaml.safe_load_all(packages["deploy"].read_text()))
    (version,) = kfp_server.versions.values()
    (pipeline,) = kfp_server.pipelines.values()
    assert version["pipeline_spec"]["pipeline_spec"] == spec
    assert pipeline["description"] == spec["pipelineInfo"]["description"]


def test_a_new_release_is_a_new_version_of_the_same_pipeline(
    kfp_server: KfpServer,
    uploads: Uploads,
    packages: dict[str, Path],
) -> None:
    upload(uploads, packages["deploy"], "0.1.0")
    assert upload(uploads, packages["deploy"], "0.2.0").new
    assert len(kfp_server.pipelines) == 1
    assert _versions(kfp_server) == {("leanstage-deploy", "0.1.0"), ("leanstage-deploy", "0.2.0")}


def test_a_version_that_is_there_with_other_images_is_refused(
    uploads: Uploads, packages: dict[str, Path], tmp_path: Path
) -> None:
    upload(uploads, packages["deploy"], "0.1.0")
    other = tmp_path / "deploy.yaml"
    other.write_text(packages["deploy"].read_text().replace("leanstage/leanstage-", "corp/l-"))
    with pytest.raises(InputError, match=r"version 0\.1\.0 with other content .*--version-name"):
        upload(uploads, other, "0.1.0")


def test_a_version_that_somebody_uploaded_by_hand_counts_as_present(
    kfp_server: KfpServer,
    uploads: Uploads,
    packages: dict[str, Path],
) -> None:
    uploads.client.upload_pipeline(str(packages["deploy"]), pipeline_name="leanstage-deploy")
    assert not upload(uploads, packages["deploy"], "leanstage-deploy").new
    assert len(kfp_server.versions) == 1


@pytest.mark.parametrize("lost", ["POST /pipelines$", "POST /pipelines/upload_version"])
def test_an_answer_that_got_lost_leaves_nothing_double(
    kfp_server: KfpServer,
    uploads: Uploads,
    packages: dict[str, Path],
    lost: str,
) -> None:
    kfp_server.fail(lost, after=True)
    with pytest.raises(KubeflowError) as told:
        upload(uploads, packages["deploy"], "0.1.0")
    assert told.value.transient
    upload(uploads, packages["deploy"], "0.1.0")
    assert len(kfp_server.pipelines) == 1
    assert _versions(kfp_server) == {("leanstage-deploy", "0.1.0")}


def test_two_uploads_at_once_agree_on_one_pipeline(
    kfp_server: KfpServer,
    uploads: Uploads,
    packages: dict[str, Path],
) -> None:
    # Both looked before either had made it: the slower is told that it exists.
    looks = 0
    answer = kfp_server.answer

    def slow(method: str, path: str, *rest: object) -> object:
        nonlocal looks
        if (method, path) == ("GET", "/pipelines") and looks == 0:
            looks += 1
            empty = answer(method, path, *rest)  # type: ignore[arg-type]
            Uploads(Connection(host=kfp_server.uri)).pipeline("leanstage-deploy", "")
            return empty
        return answer(method, path, *rest)  # type: ignore[arg-type]

    kfp_server.answer = slow  # type: ignore[method-assign]
    assert upload(uploads, packages["deploy"], "0.1.0").new
    assert len(kfp_server.pipelines) == 1


def test_a_namespace_has_pipelines_of_its_own(
    kfp_server: KfpServer,
    uploads: Uploads,
    packages: dict[str, Path],
) -> None:
    kfp_server.multi_user = True
    upload(uploads, packages["deploy"], "0.1.0")
    ours = Uploads(Connection(host=kfp_server.uri, namespace="gate"))
    assert upload(ours, packages["deploy"], "0.1.0").new
    assert not upload(ours, packages["deploy"], "0.1.0").new
    assert sorted(p.get("namespace", "") for p in kfp_server.pipelines.values()) == ["", "gate"]


@pytest.mark.parametrize("text", ["", "- a\n", "a: [", "pipelineInfo: 3\n"])
def test_what_is_no_package_is_refused_before_anything_is_asked(
    kfp_server: KfpServer,
    uploads: Uploads,
    tmp_path: Path,
    text: str,
) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(InputError, match=r"x\.yaml is no compiled pipeline"):
        upload(uploads, tmp_path / "x.yaml", "0.1.0")
    assert kfp_server.requests == []


def test_a_refusal_is_one_sentence_without_the_token(
    kfp_server: KfpServer,
    packages: dict[str, Path],
) -> None:
    kfp_server.token = "the right one"
    uploads = Uploads(Connection(host=kfp_server.uri, token="a wrong one"))
    with pytest.raises(KubeflowError, match="answered 401") as told:
        upload(uploads, packages["deploy"], "0.1.0")
    assert "wrong one" not in str(told.value)
    assert kfp_server.pipelines == {}
