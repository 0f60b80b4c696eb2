"""What every contract shares: strict fields, JSON on disk, one canonical form for hashing."""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leanstage.errors import InputError

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Interval = tuple[float, float]


def canonical_json(value: Any) -> bytes:
    """The one byte form of a JSON value: sorted keys, no white space, UTF-8, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def sha256_json(value: Any) -> str:
    """SHA-256 (hex) of the canonical form of ``value``."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` so that a reader sees the old bytes or the new, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class Part(BaseModel):
    """A piece of a contract: frozen, no unknown keys, no NaN or infinity."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=()
    )


class Contract(Part):
    """A document that passes between components, kept as JSON on disk."""

    schema_version: Literal[1] = 1

    def sha256(self) -> str:
        """SHA-256 (hex) of the canonical JSON of this document."""
        return sha256_json(self.model_dump(mode="json"))

    def save(self, path: str | Path) -> Path:
        """Write the document as indented JSON, atomically; returns its path."""
        path = Path(path)
        write_atomically(path, (self.model_dump_json(indent=2) + "\n").encode())
        return path

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read and check a document.

        Raises:
            InputError: the file is missing, is not JSON, or breaks the contract.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read as a {cls.__name__}: {error}.") from error
        return cls.parse(text, where=str(path))

    @classmethod
    def parse(cls, text: str, *, where: str) -> Self:
        """Check a JSON text; ``where`` names its origin in the message.

        Raises:
            InputError: the text is not JSON or breaks the contract.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise InputError(
                f"{where} is not a valid {cls.__name__}: {first_problem(error)}."
            ) from error


def first_problem(error: ValidationError) -> str:
    """The first validation problem as ``field: what is wrong``."""
    problem = error.errors()[0]
    field = ".".join(str(part) for part in problem["loc"])
    return f"{field}: {problem['msg']}" if field else str(problem["msg"])
