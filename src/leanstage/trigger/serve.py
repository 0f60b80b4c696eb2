"""The process: settings checked, loop and HTTP together, an orderly end on SIGTERM."""

import logging
import os
import signal
import sys

import uvicorn

from leanstage.trigger.app import make_app
from leanstage.trigger.backends import backend_of
from leanstage.trigger.logs import log_as_json
from leanstage.trigger.loop import Loop
from leanstage.trigger.reconcile import Reconciler
from leanstage.trigger.settings import Settings, require_secret
from leanstage.trigger.webhook import Verifier

log = logging.getLogger(__name__)

# The loop backs off by itself; the client's own patience, minutes long, would hide what is wrong.
MLFLOW_LIMITS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}


def serve(settings: Settings, *, webhooks: bool = True) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        InputError: settings that cannot work; nothing was started.
    """
    verifier = Verifier(require_secret(settings)) if webhooks else None
    backend = backend_of(settings)
    for name, value in MLFLOW_LIMITS.items():
        os.environ.setdefault(name, value)
    log_as_json()
    loop = Loop(lambda step: Reconciler(backend, settings, step), settings)
    about = {"backend": settings.backend, "flow": settings.flow, "webhooks": webhooks}
    log.info("trigger starts", extra=about)
    # uvicorn raises the signal again once it has shut down, and by default that ends the process
    # before it has tidied up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        make_app(loop, verifier),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
