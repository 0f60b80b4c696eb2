"""The loop: reconcile on every wake-up and every few minutes; back off while something is down."""

import logging
import threading
import time
from collections.abc import Callable

import tenacity

from leanstage.errors import LeanstageError
from leanstage.registry.client import RegistryError
from leanstage.trigger import metrics
from leanstage.trigger.policies import PolicyError
from leanstage.trigger.reconcile import Reconciler, StoppedError
from leanstage.trigger.settings import Settings

log = logging.getLogger(__name__)

STUCK_SECONDS = 600
"""Longer than any request to MLflow or KFP may take, with its own retries."""
MISSED = 3
"""So many intervals without success, and the service is not ready."""


class Loop:
    """Runs reconciliations one after another in a thread of its own.

    Wake-ups while one runs join into a single further one. No failure ends the loop: it is logged,
    counted, and tried again after a pause that grows; wake-ups do not shorten that pause.
    """

    def __init__(
        self, make: Callable[[Callable[[], None]], Reconciler], settings: Settings
    ) -> None:
        self._settings = settings
        self._reconciler = make(self._step)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconcile", daemon=True)
        self._beat = time.monotonic()
        self._busy = False
        self._succeeded: float | None = None
        self.problem: str | None = None
        """Why the latest reconciliation failed."""

    def start(self) -> None:
        """Start the thread; the first reconciliation begins at once."""
        self._wake.set()
        self._thread.start()

    def wake(self) -> None:
        """Ask for a reconciliation."""
        self._wake.set()

    def stop(self, timeout: float) -> bool:
        """End after the current step; False where it did not within ``timeout`` seconds."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def healthy(self) -> bool:
        """Whether the thread lives and has not been at one step for too long."""
        stuck = self._busy and time.monotonic() - self._beat > STUCK_SECONDS
        return self._thread.is_alive() and not stuck

    @property
    def ready(self) -> bool:
        """Whether a reconciliation has succeeded, and not too long ago."""
        if self._succeeded is None:
            return False
        since = time.monotonic() - self._succeeded
        return self.problem is None and since < MISSED * self._settings.interval_seconds + 60

    def _step(self) -> None:
        self._beat = time.monotonic()
        if self._stop.is_set():
            raise StoppedError

    def _run(self) -> None:
        retrying = tenacity.Retrying(
            stop=tenacity.stop_when_event_set(self._stop),
            wait=self._pause,
            sleep=tenacity.sleep_using_event(self._stop),
            retry=tenacity.retry_if_not_exception_type(StoppedError),
            before_sleep=_say,
            reraise=True,
        )
        while not self._stop.is_set():
            self._wake.wait(self._settings.interval_seconds)
            # Webhooks come in bursts; what arrives from here on asks for the next one.
            self._stop.wait(self._settings.settle_seconds)
            self._wake.clear()
            try:
                retrying(self._once)
            except StoppedError:
                break
            except Exception:
                # Only where the loop is to stop while it backs off.
                log.info("stopped while backing off")

    def _once(self) -> None:
        self._busy, self._beat, begun = True, time.monotonic(), time.monotonic()
        try:
            unfinished = self._reconciler.reconcile()
        except StoppedError:
            raise
        except Exception as error:
            self.problem = _sentence(error)
            metrics.failure(_where(error))
            raise
        finally:
            self._busy = False
        if unfinished:
            self.wake()
        self.problem, self._succeeded = None, time.monotonic()
        seconds = time.monotonic() - begun
        metrics.reconciled(seconds)
        log.info("reconciled", extra={"seconds": round(seconds, 3)})

    def _pause(self, state: tenacity.RetryCallState) -> float:
        """Longer with every failure, and no shorter than the server asked for."""
        grown = tenacity.wait_exponential_jitter(
            initial=min(2.0, self._settings.max_backoff_seconds),
            max=self._settings.max_backoff_seconds,
        )(state)
        error = state.outcome.exception() if state.outcome else None
        asked = getattr(error, "retry_after", None) or 0.0
        return max(grown, min(asked, STUCK_SECONDS))


def _where(error: Exception) -> str:
    if isinstance(error, RegistryError):
        return "mlflow"
    return "policies" if isinstance(error, PolicyError) else "backend"


def _sentence(error: BaseException) -> str:
    """What may be shown of an error: ours hold no secret, of others only the kind is known."""
    return str(error) if isinstance(error, LeanstageError) else type(error).__name__


def _say(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    about = {
        "why": _sentence(error) if error else None,
        "failures": state.attempt_number,
        "pause_seconds": round(state.upcoming_sleep, 1),
    }
    unknown = error is not None and not isinstance(error, LeanstageError)
    log.error("reconciliation failed", extra=about, exc_info=error if unknown else None)
