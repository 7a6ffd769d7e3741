"""How often a token may ask: counted in a file that all processes of a machine share.

A count in each process would let a token ask so many times in each; one in the database would make every reading
request wait for whoever is writing. Here a request locks the token's own few bytes, for some microseconds. Machines
behind one balancer count apart.
"""

import fcntl
import logging
import os
import struct
import tempfile
import threading
import time
from functools import cache
from math import ceil

from django.conf import settings

from customers.core.files import open_to_lock
from customers.models import ApiToken

logger = logging.getLogger(__name__)

SECONDS = 60
_RECORD = struct.Struct("=8sdI")
"""The beginning of a token's digest, when its minute began, and how often it has asked since."""
_thread_lock = threading.Lock()


def wait(token: ApiToken) -> int | None:
    """Count a request; the seconds to wait where there were too many since the first one of a minute, else None."""
    place = token.pk * _RECORD.size
    with _thread_lock:
        # The lock of a process lets all of its threads in.
        descriptor = _descriptor()
        fcntl.lockf(descriptor, fcntl.LOCK_EX, _RECORD.size, place)
        try:
            return _count(descriptor, place, token)
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN, _RECORD.size, place)


def _count(descriptor: int, place: int, token: ApiToken) -> int | None:
    now, whose = time.time(), bytes.fromhex(token.digest)[:8]
    stored = os.pread(descriptor, _RECORD.size, place)
    record: tuple[bytes, float, int] = _RECORD.unpack(stored) if len(stored) == _RECORD.size else (b"", 0.0, 0)
    owner, began, count = record
    # The numbers of tokens begin anew with a restored database, and a clock may have been ahead.
    if owner != whose or not 0 <= now - began < SECONDS:
        began, count = now, 0
    if count >= token.per_minute:
        return max(1, ceil(began + SECONDS - now))
    os.pwrite(descriptor, _RECORD.pack(whose, began, count + 1), place)
    return None


@cache
def _descriptor() -> int:
    """The file of this process, open as long as it lives; where none can be shared, one of its own."""
    try:
        shared = open_to_lock(settings.STATE_DIR / "requests-of-tokens")
    except OSError as error:
        logger.warning("Requests of tokens are counted in each process apart: %s", error.strerror)
        with tempfile.TemporaryFile() as own:
            return os.dup(own.fileno())
    with shared:
        return os.dup(shared.fileno())
