"""``STORAGE_URL``: a folder or a bucket for the files that all web processes and machines share."""

import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from rsolv_cs import environment

_ACCEPTED = (
    "use the path of a folder, or s3://bucket/prefix?endpoint=https://host&region=name, "
    "with key:secret@ before the bucket where no role gives them."
)
_OPTIONS = {"endpoint": "endpoint_url", "region": "region_name"}
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")


def shared_folder(url: str) -> Path | None:
    """The folder that it names; None where it names none."""
    if not url or url.startswith("s3://"):
        return None
    path = url.removeprefix("file://")
    if not path.startswith("/"):
        raise _unreadable()
    if Path(path).exists() and not Path(path).is_dir():
        raise ImproperlyConfigured(f"STORAGE_URL={path!r} is not a folder.")
    return Path(path)


def shared_bucket(url: str) -> dict[str, str]:
    """The bucket that it names, as options of django-storages; none where it names none. The secret is not shown."""
    if not url.startswith("s3://"):
        return {}
    environment.refuse_unencoded("STORAGE_URL", url)
    if not (find_spec("storages") and find_spec("boto3")):
        raise ImproperlyConfigured(
            "STORAGE_URL names a bucket, which takes packages that are not installed: make setup-storage, "
            "or: pip install --require-hashes -r requirements-storage.txt"
        )
    parts = _parts(url)
    found = {"bucket_name": parts.hostname or "", "location": unquote(parts.path).strip("/")}
    options = parse_qsl(parts.query, keep_blank_values=True)
    found |= {_OPTIONS[name]: value for name, value in options}
    if parts.username:
        found |= {"access_key": unquote(parts.username), "secret_key": unquote(parts.password or "")}
    return found


def _parts(url: str) -> SplitResult:
    """The parts of a bucket's URL, each as it should be."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        is_whole = parts.port is None and _BUCKET.fullmatch(parts.hostname or "")
    except ValueError:
        raise _unreadable() from None
    if not is_whole or bool(parts.username) != bool(parts.password) or ".." in parts.path or "//" in parts.path:
        raise _unreadable()
    if options.keys() - _OPTIONS or not all(options.values()):
        raise ImproperlyConfigured(f"STORAGE_URL has an option that is none of: {', '.join(_OPTIONS)}.")
    endpoint = urlsplit(options.get("endpoint", "https://host"))
    if endpoint.scheme not in {"http", "https"} or not endpoint.hostname or endpoint.username:
        raise ImproperlyConfigured("STORAGE_URL: the endpoint is not an address such as https://s3.example.com.")
    return parts


def _unreadable() -> ImproperlyConfigured:
    return ImproperlyConfigured(f"STORAGE_URL cannot be read; {_ACCEPTED}")
