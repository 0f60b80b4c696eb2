"""An environment for each peer, since their pins contradict each other."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
THAT_MATTER = (
    "torch",
    "transformers",
    "onnxruntime",
    "openvino",
    "nncf",
    "optimum",
    "optimum-onnx",
    "olive-ai",
    "neural-compressor",
    "neural-compressor-pt",
    "torchao",
    "bitsandbytes",
    "leanstage",
)


def python_of(environment: str, folder: Path, log: Path) -> Path:
    """The interpreter of an environment, made where it is not there or asks for other packages.

    Raises:
        RuntimeError: pip did not install it; the message ends with its last line.
    """
    if not environment:
        return Path(sys.executable)
    asked = REQUIREMENTS / f"{environment}.txt"
    home = folder / environment
    python, done = home / "bin" / "python", home / ".installed"
    digest = hashlib.sha256(asked.read_bytes()).hexdigest()
    if done.is_file() and done.read_text(encoding="utf-8") == digest:
        return python
    with log.open("a", encoding="utf-8") as stream:
        run = {"stdout": stream, "stderr": stream, "check": False}
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], **run)  # type: ignore[call-overload]
        install = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
        finished = subprocess.run([*install, "--requirement", str(asked)], **run)  # type: ignore[call-overload]
    if finished.returncode:
        raise RuntimeError(f"does not install: {last_line(log)}")
    done.write_text(digest, encoding="utf-8")
    return python


def last_line(log: Path) -> str:
    """What a log ends with."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").split("\n")]
    return next((line for line in reversed(lines) if line), "no word")


def versions_in(python: Path) -> dict[str, str]:
    """Of the packages that matter in an environment."""
    code = (
        "import json; from importlib.metadata import distributions as d; "
        "print(json.dumps({x.name.lower(): x.version for x in d()}))"
    )
    found = json.loads(subprocess.check_output([str(python), "-c", code], text=True))
    return {name: found[name] for name in THAT_MATTER if name in found}
