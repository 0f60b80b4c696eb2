"""Pipelines uploaded over REST to a server that keeps state: once, again, and after trouble."""

from pathlib import Path

import pytest
import yaml

from leanstage import __version__
from leanstage.errors import InputError
from leanstage.pipelines import PIPELINES
from leanstage.runner.kfp_client import Connection, KubeflowError
from leanstage.runner.upload import Uploads, upload
from tests.kfp_state import KfpServer


@pytest.fixture(scope="module")
def deploy(release: Path) -> Path:
    return release / "pipelines/deploy.yaml"


@pytest.fixture
def uploads(kfp_server: KfpServer) -> Uploads:
    return Uploads(Connection(host=kfp_server.uri))


def _versions(server: KfpServer) -> list[tuple[str, str]]:
    return [
        (server.pipelines[version["pipeline_id"]]["name"], version["name"])
        for version in server.versions.values()
    ]


def test_every_pipeline_is_there_once_however_often_it_is_uploaded(
    kfp_server: KfpServer, uploads: Uploads, release: Path
) -> None:
    packages = [release / f"pipelines/{name}.yaml" for name in PIPELINES]
    first = [upload(uploads, path) for path in packages]
    again = [upload(uploads, path) for path in packages]
    assert [done.new for done in first] == [True] * len(PIPELINES)
    assert [done.new for done in again] == [False] * len(PIPELINES)
    assert _versions(kfp_server) == [(done.pipeline, done.version) for done in first]
    assert {name for name, _ in _versions(kfp_server)} == {f"leanstage-{n}" for n in PIPELINES}
    assert len(kfp_server.pipelines) == len(PIPELINES)


def test_what_is_kept_is_the_package_and_what_the_pipeline_says_of_itself(
    kfp_server: KfpServer, uploads: Uploads, deploy: Path
) -> None:
    upload(uploads, deploy)
    spec, platform = yaml.safe_load_all(deploy.read_text())
    (version,) = kfp_server.versions.values()
    (pipeline,) = kfp_server.pipelines.values()
    assert version["pipeline_spec"] == {"pipeline_spec": spec, "platform_spec": platform}
    assert version["name"].startswith(f"{__version__}-")
    assert pipeline["description"] == spec["pipelineInfo"]["description"]


def test_other_images_are_another_version_of_the_same_pipeline(
    kfp_server: KfpServer, uploads: Uploads, deploy: Path, tmp_path: Path
) -> None:
    first = upload(uploads, deploy)
    other = tmp_path / "deploy.yaml"
    other.write_text(deploy.read_text().replace("leanstage/leanstage-", "corp/leanstage-"))
    second = upload(uploads, other)
    assert second.new
    assert second.version != first.version
    assert len(kfp_server.pipelines) == 1
    assert not upload(uploads, deploy).new


@pytest.mark.parametrize("lost", ["POST /pipelines$", "POST /pipelines/upload_version"])
def test_an_answer_that_got_lost_leaves_nothing_double(
    kfp_server: KfpServer, uploads: Uploads, deploy: Path, lost: str
) -> None:
    kfp_server.fail(lost, after=True)
    with pytest.raises(KubeflowError) as told:
        upload(uploads, deploy)
    assert told.value.transient
    upload(uploads, deploy)
    assert len(kfp_server.pipelines) == 1
    assert len(kfp_server.versions) == 1


def test_two_uploads_at_once_agree_on_one_pipeline(
    kfp_server: KfpServer, uploads: Uploads, deploy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both looked before either had made it: the slower is told that it exists.
    other = Uploads(Connection(host=kfp_server.uri))
    look = uploads._pipeline_named

    def late(name: str) -> str | None:
        found = look(name)
        if found is None:
            other.pipeline(name, "")
        return found

    monkeypatch.setattr(uploads, "_pipeline_named", late)
    assert upload(uploads, deploy).new
    assert kfp_server.asked("POST /pipelines$") == 2
    assert len(kfp_server.pipelines) == 1


def test_a_namespace_has_pipelines_of_its_own(
    kfp_server: KfpServer, uploads: Uploads, deploy: Path
) -> None:
    kfp_server.multi_user = True
    upload(uploads, deploy)
    ours = Uploads(Connection(host=kfp_server.uri, namespace="gate"))
    assert upload(ours, deploy).new
    assert not upload(ours, deploy).new
    assert sorted(p.get("namespace", "") for p in kfp_server.pipelines.values()) == ["", "gate"]


@pytest.mark.parametrize("text", ["", "- a\n", "a: [", "pipelineInfo: 3\n"])
def test_what_is_no_package_is_refused_before_anything_is_asked(
    kfp_server: KfpServer, uploads: Uploads, tmp_path: Path, text: str
) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(InputError, match=r"x\.yaml is no compiled package"):
        upload(uploads, tmp_path / "x.yaml")
    assert kfp_server.requests == []


def test_resources_are_for_kubectl(kfp_server: KfpServer, uploads: Uploads, release: Path) -> None:
    with pytest.raises(InputError, match="kubectl apply"):
        upload(uploads, release / "manifests/deploy.yaml")
    assert kfp_server.requests == []


def test_a_refusal_is_one_sentence_without_the_token(kfp_server: KfpServer, deploy: Path) -> None:
    kfp_server.token = "the right one"
    uploads = Uploads(Connection(host=kfp_server.uri, token="a wrong one"))
    with pytest.raises(KubeflowError, match="answered 401") as told:
        upload(uploads, deploy)
    assert "wrong one" not in str(told.value)
    assert kfp_server.pipelines == {}
