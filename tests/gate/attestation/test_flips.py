"""Any byte of any file of a promoted folder, tried at random."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanstage.gate.attestation import (
    Trust,
    VerificationError,
    open_envelope,
    read,
    trusted_keys,
    verify,
)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def flippable(tmp_path_factory: pytest.TempPathFactory, promotions: Any) -> tuple[Path, Trust]:
    """A promoted folder of its own and the trust in it, for many trials."""
    home = tmp_path_factory.mktemp("flips")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home / 'mlflow.db'}")
        for name in ("KEY", "KEY_PUBLIC", "TRUST"):
            patch.delenv(f"LEANSTAGE_{name}", raising=False)
        folder = promotions.signed(promotions.variant(home / "promoted", weights=b"weights" * 9))
        return folder, trusted_keys()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_flip_of_any_byte_of_any_file_is_refused(
    data: st.DataObject, flippable: tuple[Path, Trust], promotions: Any
) -> None:
    folder, trust = flippable
    path = data.draw(st.sampled_from(files(folder)))
    genuine = path.read_bytes()
    position = data.draw(st.integers(0, len(genuine) - 1))
    flipped = bytearray(genuine)
    flipped[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(flipped)
    try:
        with pytest.raises(VerificationError):
            verify(folder, trust, promotions.now)
    finally:
        path.write_bytes(genuine)
    verify(folder, trust, promotions.now)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_other_bytes_of_any_file_are_refused(
    data: st.DataObject, flippable: tuple[Path, Trust], promotions: Any
) -> None:
    folder, trust = flippable
    path = data.draw(st.sampled_from(files(folder)))
    genuine = path.read_bytes()
    start = data.draw(st.integers(0, len(genuine)))
    end = data.draw(st.integers(start, min(len(genuine), start + 8)))
    other = genuine[:start] + data.draw(st.binary(max_size=8)) + genuine[end:]
    path.write_bytes(other)
    try:
        if other != genuine:
            with pytest.raises(VerificationError):
                verify(folder, trust, promotions.now)
    finally:
        path.write_bytes(genuine)


def test_every_byte_of_the_envelope_counts(flippable: tuple[Path, Trust]) -> None:
    folder, trust = flippable
    genuine = read(folder)
    for position in range(len(genuine)):
        flipped = bytearray(genuine)
        flipped[position] ^= 0x01
        with pytest.raises(VerificationError):
            open_envelope(bytes(flipped), trust)
    for cut in range(0, len(genuine), 97):
        with pytest.raises(VerificationError):
            open_envelope(genuine[:cut], trust)
