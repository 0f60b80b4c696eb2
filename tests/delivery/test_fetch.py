"""What a pod does before it serves, against a real MLflow server."""

import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from leanstage.delivery import fetch as fetching
from leanstage.delivery.address import Address
from leanstage.delivery.fetch import STAGING
from leanstage.errors import InputError, LeanstageError
from leanstage.gate.attestation import generate
from leanstage.registry import stored
from leanstage.registry.champions import COLLECTED
from leanstage.registry.client import RegistryError
from leanstage.registry.stored import PIECE
from leanstage.registry.versions import create_version, model_of
from leanstage.variant import open_variant
from tests.command import Command
from tests.delivery.conftest import Delivered, Proxy


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, the attestation included."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def asked_for(proxy: Proxy, name: str) -> list[str]:
    """The ranges in which a file was asked for."""
    return [ranges for path, ranges in proxy.asked if path.endswith(name)]


def test_what_was_promoted_comes_and_is_not_asked_for_twice(
    delivered: Delivered, proxy: Proxy, tmp_path: Path
) -> None:
    target = tmp_path / "mnt" / "models"
    target.mkdir(parents=True)
    verified = delivered.fetch(target)
    assert verified.digest == delivered.address.digest == open_variant(target).digest
    assert files_of(target) == files_of(delivered.folder)
    # Whatever user the server runs as.
    assert all(path.stat().st_mode & 0o004 for path in target.rglob("*"))
    before = len(proxy.asked)
    delivered.fetch(target)
    assert len(proxy.asked) == before


def test_connections_that_break_go_on_where_they_did(
    delivered: Delivered, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "LONGEST_WAIT", 0.1)
    proxy.cuts = [100_000] * 3
    target = tmp_path / "models"
    delivered.fetch(target)
    assert files_of(target) == files_of(delivered.folder)
    ranges = asked_for(proxy, "model.safetensors")
    assert ranges == ["", *(f"bytes={number * PIECE}-" for number in (1, 2, 3))]
    whole = sum(len(data) for data in files_of(delivered.folder).values())
    assert whole <= proxy.sent < whole + 3 * PIECE


def test_a_pod_that_starts_again_goes_on_where_the_last_one_was_killed(
    delivered: Delivered, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "ATTEMPTS", 1)
    proxy.cuts = [100_000, 1_000]
    target = tmp_path / "models"
    with pytest.raises(RegistryError, match=r"model\.safetensors"):
        delivered.fetch(target)
    assert [path.name for path in target.iterdir()] == [STAGING]
    proxy.asked.clear()
    delivered.fetch(target)
    assert asked_for(proxy, "model.safetensors") == [f"bytes={PIECE}-"]
    assert asked_for(proxy, "config.json") == []
    assert files_of(target) == files_of(delivered.folder)


def test_a_server_without_ranges_begins_anew(
    delivered: Delivered, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "LONGEST_WAIT", 0.1)
    proxy.cuts, proxy.ranges = [100_000], False
    delivered.fetch(tmp_path / "models")
    assert files_of(tmp_path / "models") == files_of(delivered.folder)


def test_what_was_begun_of_other_bytes_is_fetched_anew(
    delivered: Delivered, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "ATTEMPTS", 1)
    proxy.cuts = [100_000, 1_000]
    target = tmp_path / "models"
    with pytest.raises(RegistryError):
        delivered.fetch(target)
    for part in (target / STAGING / "parts").iterdir():
        part.write_bytes(b"\0" * part.stat().st_size)
    delivered.fetch(target)
    assert files_of(target) == files_of(delivered.folder)


@pytest.mark.parametrize("settled", [1, 3, 6])
def test_a_kill_between_two_files_that_settle_loses_none(
    delivered: Delivered, proxy: Proxy, tmp_path: Path, settled: int
) -> None:
    target = tmp_path / "models"
    delivered.fetch(target)
    draft = target / STAGING / "files"
    draft.mkdir(parents=True)
    names = sorted(path.name for path in target.iterdir() if path.name != STAGING)
    for name in names[settled:]:
        (target / name).replace(draft / name)
    (target / STAGING / "address").write_text(str(delivered.address))
    proxy.asked.clear()
    delivered.fetch(target)
    assert files_of(target) == files_of(delivered.folder)
    assert {path.rpartition("/")[2] for path, _ in proxy.asked} <= {"decision.dsse.json"}


def refused(delivered: Delivered, target: Path, words: str, **options: object) -> None:
    """Nothing lies at its place where it is refused."""
    with pytest.raises(LeanstageError, match=words):
        delivered.fetch(target, **options)  # type: ignore[arg-type]
    assert [path.name for path in target.iterdir() if path.name != STAGING] == []


def test_changed_bytes_are_refused(delivered: Delivered, tmp_path: Path) -> None:
    weights = delivered.stored / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    refused(
        delivered,
        tmp_path / "models",
        r"changed where it is stored .*'model\.safetensors' changed.*roll back",
    )
    for other in (data[:-1], data + b"0"):
        weights.write_bytes(other)
        words = rf"model\.safetensors has {len(other):,} bytes, and not as many as were signed"
        refused(delivered, tmp_path / str(len(other)), words)


def test_a_file_beside_them_is_not_even_asked_for(
    delivered: Delivered, proxy: Proxy, tmp_path: Path
) -> None:
    (delivered.stored / "pytorch_model.bin").write_bytes(b"a pickle")
    delivered.fetch(tmp_path / "models")
    assert "pytorch_model.bin" not in files_of(tmp_path / "models")


def test_a_missing_file_is_named(delivered: Delivered, tmp_path: Path) -> None:
    (delivered.stored / "config.json").unlink()
    refused(delivered, tmp_path / "models", "config.json; make sure that this account may read")


def test_without_an_envelope_nobody_vouches(delivered: Delivered, tmp_path: Path) -> None:
    shutil.rmtree(delivered.stored / "attestation")
    refused(delivered, tmp_path / "models", "nobody vouches for it; serve what the gate promoted")


def test_another_key_is_not_trusted_and_no_file_is_asked_for(
    delivered: Delivered, proxy: Proxy, tmp_path: Path
) -> None:
    other = replace(delivered, key=generate(tmp_path / "other").public)
    refused(other, tmp_path / "models", "not among those to trust")
    assert all("attestation" in path for path, _ in proxy.asked)


def test_a_revoked_digest_and_a_revoked_key_are_refused(
    delivered: Delivered, proxy: Proxy, tmp_path: Path
) -> None:
    keyid = delivered.fetch(tmp_path / "before").keyid
    proxy.asked.clear()
    for what, value in (("digests", delivered.address.digest), ("keys", keyid)):
        path = tmp_path / f"{what}.yaml"
        path.write_text(f"{what}:\n  {value}: it leaks names\n")
        refused(delivered, tmp_path / what, "revoked: it leaks names", revoked=path)
        # A pod that has the files already is refused as well.
        with pytest.raises(InputError, match="it leaks names"):
            delivered.fetch(tmp_path / "before", revoked=path)
    assert all("attestation" in path for path, _ in proxy.asked)


def test_bytes_under_another_name_are_refused(delivered: Delivered, tmp_path: Path) -> None:
    client, mine = delivered.promoting.client, delivered.version
    tags = client.get_model_version(mine.name, mine.version).tags
    name, digest = f"spam-{mine.name}", delivered.address.digest
    create_version(name, model_of(mine), digest=digest, run_id=None, tags=tags)
    other = replace(delivered, address=Address(name, digest))
    refused(other, tmp_path / "models", "is signed as leanstage://tiny-")


def test_a_digest_tag_on_other_bytes_is_not_believed(delivered: Delivered, tmp_path: Path) -> None:
    claimed = "f" * 64
    delivered.promoting.client.set_model_version_tag(
        delivered.address.name, delivered.version.version, "leanstage.digest", claimed
    )
    other = replace(delivered, address=Address(delivered.address.name, claimed))
    refused(other, tmp_path / "models", f"is signed as {delivered.address}")


def test_what_was_never_promoted_is_not_there(delivered: Delivered, tmp_path: Path) -> None:
    baseline = delivered.promoting.baseline.digest
    never = replace(delivered, address=Address(delivered.address.name, baseline))
    champion = f"its champion is {delivered.address}: serve what was promoted"
    with pytest.raises(InputError, match=champion):
        never.fetch(tmp_path / "models")
    assert not (tmp_path / "models").exists()
    with pytest.raises(InputError, match=r"leanstage rollout nothing"):
        replace(delivered, address=Address("nothing", baseline)).fetch(tmp_path / "models")


def test_collected_bytes_are_said_to_be(delivered: Delivered, tmp_path: Path) -> None:
    delivered.promoting.client.set_model_version_tag(
        delivered.address.name, delivered.version.version, COLLECTED, "2026-11-01"
    )
    with pytest.raises(InputError, match="were collected on 2026-11-01"):
        delivered.fetch(tmp_path / "models")


def test_an_account_that_may_not_read_is_told_so(
    delivered: Delivered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    with pytest.raises(RegistryError, match="refused"):
        delivered.fetch(tmp_path / "models")


def test_a_folder_of_somebody_else_is_left_alone(delivered: Delivered, tmp_path: Path) -> None:
    target = tmp_path / "models"
    target.mkdir()
    (target / "config.json").write_text("mine")
    with pytest.raises(InputError, match="give an empty folder"):
        delivered.fetch(target)
    assert files_of(target) == {"config.json": b"mine"}
    # The same beside what was begun.
    (target / "config.json").unlink()
    (target / STAGING).mkdir()
    (target / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds 'notes.txt'.*give an empty folder"):
        delivered.fetch(target)
    assert (target / "notes.txt").read_text() == "mine"


def test_what_has_a_name_of_ours_is_left_alone_too(delivered: Delivered, tmp_path: Path) -> None:
    target = tmp_path / "models"
    (target / STAGING).mkdir(parents=True)
    (target / "attestation").mkdir()
    for name in ("README.md", "config.json", "attestation/notes.txt"):
        (target / name).write_text("mine")
        with pytest.raises(InputError, match=f"holds '{name}'.*give an empty folder"):
            delivered.fetch(target)
        assert (target / name).read_text() == "mine"
        (target / name).unlink()
    delivered.fetch(target)


def test_two_that_fetch_into_one_folder_do_not_mix(
    delivered: Delivered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, said = tmp_path / "models", []

    def meanwhile(*_: object) -> None:
        with pytest.raises(InputError, match="another process fetches into"):
            delivered.fetch(target)
        said.append(True)

    monkeypatch.setattr(fetching, "_require_room", meanwhile)
    delivered.fetch(target)
    assert said == [True]
    assert files_of(target) == files_of(delivered.folder)


def test_a_version_that_only_says_it_was_promoted_stops_no_pod(
    delivered: Delivered, tmp_path: Path
) -> None:
    client, name = delivered.promoting.client, delivered.address.name
    tags = client.get_model_version(name, delivered.version.version).tags
    baseline = model_of(delivered.promoting.context.source)
    bogus = create_version(name, baseline, digest=delivered.address.digest, run_id=None, tags=tags)
    assert int(bogus.version) > int(delivered.version.version)
    delivered.fetch(tmp_path / "models")


def test_no_password_is_said_or_sent_to_another_host(
    delivered: Delivered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = delivered.server.uri.replace("//", "//gate:hidden@")
    held = stored.Stored(model_of(delivered.version))
    monkeypatch.setattr(stored, "ATTEMPTS", 1)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    held._repository.artifact_uri = "http://gate:hidden@127.0.0.1:9/x"
    with pytest.raises(RegistryError) as caught:
        held.fetch("config.json", tmp_path / "config.json", size=1)
    assert "did not give config.json" in str(caught.value)
    assert "hidden" not in str(caught.value)
    place = SimpleNamespace(artifact_location="mlflow-artifacts://elsewhere:80/1")
    with (
        patch("mlflow.MlflowClient.get_logged_model", return_value=place),
        pytest.raises(RegistryError, match="names the host elsewhere:80, to which"),
    ):
        stored.Stored("m-1")


def test_a_store_that_cannot_be_read_is_a_sentence(delivered: Delivered) -> None:
    place = SimpleNamespace(artifact_location=f"{delivered.server.uri}/odd")
    with patch("mlflow.MlflowClient.get_logged_model", return_value=place):
        with pytest.raises(RegistryError, match=r"cannot be read from .*/odd"):
            stored.Stored("m-1").size("config.json")
        place.artifact_location = "s3://nowhere/1"
        with pytest.raises(RegistryError, match=r"s3://nowhere/1.*installed and configured here"):
            stored.Stored("m-1").size("config.json")


@pytest.mark.parametrize("status", [403, 500])
def test_one_file_that_does_not_come_ends_the_others(
    delivered: Delivered, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(stored, "LONGEST_WAIT", 0.01)
    proxy.refused["config.json"] = status
    refused(delivered, tmp_path / "models", rf"{status}.*config\.json|config\.json.*{status}")


def test_a_full_disk_is_said_before_anything_comes(
    delivered: Delivered, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 0, 9))  # type: ignore[attr-defined]
    refused(delivered, tmp_path / "models", r"has room for 9 of the [\d,]+ bytes")
    assert all("attestation" in path for path, _ in proxy.asked)


def test_pods_that_start_together_each_get_all(delivered: Delivered, tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def start(number: int) -> None:
        try:
            delivered.fetch(tmp_path / str(number))
        except BaseException as error:
            failed.append(error)

    pods = [threading.Thread(target=start, args=(number,)) for number in range(4)]
    for pod in pods:
        pod.start()
    for pod in pods:
        pod.join()
    assert failed == []
    for number in range(4):
        assert files_of(tmp_path / str(number)) == files_of(delivered.folder)


def test_a_baseline_whose_justification_expired_does_not_start(
    delivered: Delivered, tmp_path: Path
) -> None:
    promoting = delivered.promoting
    promoting.promote(promoting.baseline_ships(expires="2026-12-01"))
    baseline = replace(
        delivered, address=Address(delivered.address.name, promoting.baseline.digest)
    )
    before, after = (datetime(2026, 12, day, tzinfo=UTC) for day in (1, 2))
    baseline.fetch(tmp_path / "before", now=before)
    refused(baseline, tmp_path / "after", "expired on 2026-12-01", now=after)


def test_the_command_says_what_it_verified(
    delivered: Delivered, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEANSTAGE_TRUST_KEYS", delivered.key.read_text())
    monkeypatch.setenv("LEANSTAGE_TRUST_REVOKED", "")
    address, target = str(delivered.address), str(tmp_path / "models")
    code, out, _ = command("fetch", address, target)
    assert code == 0
    assert f"Digest           {delivered.address.digest}" in out
    monkeypatch.setenv("LEANSTAGE_TRUST_REVOKED", f"digests: {{{address[-64:]}: it leaks}}")
    code, _, said = command("fetch", address, str(tmp_path / "other"))
    assert code == 1
    assert "is revoked: it leaks" in said
    assert "Traceback" not in said
    monkeypatch.delenv("LEANSTAGE_TRUST_REVOKED")
    code, _, said = command("fetch", address, str(tmp_path / "other"))
    assert code == 1
    assert "LEANSTAGE_TRUST_REVOKED is not; set it, empty where nothing is revoked" in said
    monkeypatch.setenv("LEANSTAGE_TRUST_REVOKED", "")
    monkeypatch.setenv("LEANSTAGE_TRUST_KEYS", "")
    code, _, said = command("fetch", address, str(tmp_path / "other"))
    assert code == 1
    assert "LEANSTAGE_TRUST_KEYS holds no public keys" in said


def test_an_embedded_mlflow_gives_its_files_too(promoting_here: Delivered, tmp_path: Path) -> None:
    promoting_here.fetch(tmp_path / "models")
    assert files_of(tmp_path / "models") == files_of(promoting_here.folder)
