"""One JSON object a line on standard output, for whatever collects the cluster's logs."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter


def log_as_json(level: int = logging.INFO) -> None:
    """Let everything that logs in this process write JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        JsonFormatter(
            "%(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in ("urllib3", "mlflow", "alembic", "httpx", "kfp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
