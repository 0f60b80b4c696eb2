"""Whether a webhook comes from MLflow, is fresh, is new, and is worth a reconciliation.

MLflow signs ``{delivery id}.{timestamp}.{body}`` with HMAC-SHA256; its retries repeat all three.
"""

import base64
import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Callable, Mapping

from cachetools import TTLCache

from leanstage.trigger.catalog import NOTE_TAGS

ID_HEADER, TIME_HEADER = "x-mlflow-delivery-id", "x-mlflow-timestamp"
SIGNATURE_HEADER = "x-mlflow-signature"
MAX_BYTES = 64 * 1024
SKEW_SECONDS = 180
"""MLflow sends a delivery again for up to two minutes."""
REMEMBERED = 20_000
_ID = re.compile(r"[\w-]{1,64}")


class RejectedError(Exception):
    """The delivery is refused; ``outcome`` is its name in the metrics, ``status`` its answer."""

    def __init__(self, outcome: str, status: int) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.status = status


class Verifier:
    """Checks deliveries against the secret, and remembers those of the last minutes.

    The memory is bounded in number and time. A delivery that is forgotten too early does no harm:
    it wakes a loop that finds nothing to do.
    """

    def __init__(self, secret: bytes, *, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock
        self._seen: TTLCache[str, bool] = TTLCache(REMEMBERED, 2 * SKEW_SECONDS, clock)
        self._lock = threading.Lock()

    def accept(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether a delivery is to wake the loop; False where it came before.

        Raises:
            RejectedError: not signed with the secret, or signed too long ago.
        """
        delivery, stamp = headers.get(ID_HEADER, ""), headers.get(TIME_HEADER, "")
        version, _, sent = headers.get(SIGNATURE_HEADER, "").partition(",")
        if not _ID.fullmatch(delivery) or not stamp.isascii() or not stamp.isdigit():
            raise RejectedError("malformed", 400)
        signed = f"{delivery}.{stamp}.".encode() + body
        expected = base64.b64encode(hmac.digest(self._secret, signed, hashlib.sha256))
        # Compared as bytes: the comparison of texts refuses what is not ASCII with an error.
        if version != "v1" or not hmac.compare_digest(expected, sent.encode()):
            raise RejectedError("forged", 401)
        if abs(self._clock() - int(stamp[:12])) > SKEW_SECONDS:
            raise RejectedError("stale", 401)
        with self._lock:
            if delivery in self._seen:
                return False
            self._seen[delivery] = True
        return True


def is_own_note(body: bytes) -> bool:
    """Whether a delivery only tells that the trigger has noted something itself."""
    try:
        event = json.loads(body)
        tagged = event["entity"] == "model_version_tag"
        return bool(tagged and event["data"]["key"] in NOTE_TAGS)
    except (ValueError, KeyError, TypeError):
        return False
