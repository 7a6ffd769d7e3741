"""What a bucket's server answers where it does not do what it was asked, in words; one that is gone is left alone."""

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from customers.core.storage.area import StorageUnavailable

_ALONE_SECONDS = 5.0
"""So long nobody asks again, so that not every page waits for an answer that does not come."""
_DENIED = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AllAccessDisabled"}
_ABSENT = {"404", "NoSuchKey"}
_alone: dict[str, tuple[float, str]] = {}
_BROKEN_OFF = (ReadTimeoutError, ConnectionClosedError)
"""What one object may do alone, such as a large one; the second in a row says that of its server."""
_broke_off: set[str] = set()


class NotThere(FileNotFoundError):
    """There is no such object, or no such bucket."""


@contextmanager
def told(place: str) -> Iterator[None]:
    """Raise ``NotThere`` or ``StorageUnavailable`` for what the server of ``place`` answers, or does not."""
    until, why = _alone.get(place, (0.0, ""))
    if time.monotonic() < until:
        raise StorageUnavailable(why)
    try:
        yield
        _broke_off.discard(place)
    except ClientError as error:
        _broke_off.discard(place)
        raise _answered(place, str(error.response.get("Error", {}).get("Code", ""))) from error
    except NoCredentialsError as error:
        raise StorageUnavailable(f"{place}: no credentials are set") from error
    except ResponseStreamingError as error:
        raise StorageUnavailable(f"{place} broke off while it was read") from error
    except (ConnectionError, HTTPClientError) as error:
        why = f"{place} cannot be reached, or does not answer"
        if not isinstance(error, _BROKEN_OFF) or place in _broke_off:
            _alone[place] = time.monotonic() + _ALONE_SECONDS, why
        else:
            _broke_off.add(place)
        raise StorageUnavailable(why) from error
    except (BotoCoreError, EOFError) as error:
        raise StorageUnavailable(f"{place} cannot be used: {type(error).__name__}") from error


def _answered(place: str, code: str) -> OSError:
    if code in _ABSENT:
        return NotThere(errno.ENOENT, "is not there", place)
    if code == "NoSuchBucket":
        return StorageUnavailable(f"{place}: there is no such bucket")
    if code in _DENIED:
        return StorageUnavailable(f"{place}: access is denied ({code})")
    if code in {"412", "PreconditionFailed"}:
        return StorageUnavailable(f"{place} was written anew while it was read")
    return StorageUnavailable(f"{place} answers with an error ({code})")
