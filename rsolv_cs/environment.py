"""Typed reading of environment variables that refuses what it cannot use.

Every function raises ``ImproperlyConfigured`` with the variable's name, the offending value and what is
accepted, so that a typo stops the start instead of becoming a default.
"""

import ipaddress
import os
import re
import zoneinfo
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import dj_database_url
from dj_database_url import DBConfig
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from customers.text.addresses import ascii_domain

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_MAX_DIGITS = 5
_POSTGRESQL = "django.db.backends.postgresql"
_SQLITE = "django.db.backends.sqlite3"
_LONGEST_SOCKET = 100
LANGUAGES = ("en", "de")
"""The languages that there are."""
_IN_PATHS = "/%:@!$&'()*+,;=~"


def text(name: str, default: str = "") -> str:
    """The variable with surrounding blanks removed; unset or blank gives ``default``."""
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool = False) -> bool:
    """A yes or no."""
    value = text(name).lower()
    if not value:
        return default
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is neither true nor false; use 1 or 0.")


def number(name: str, default: int, least: int = 0, most_digits: int = _MAX_DIGITS) -> int:
    """A whole number, ``least`` or more, in digits."""
    value = text(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) <= most_digits and int(value) >= least):
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number from {least} to {10**most_digits - 1}.")
    return int(value)


def choice(name: str, default: str, accepted: tuple[str, ...]) -> str:
    """One of a few words."""
    value = text(name, default).lower()
    if value not in accepted:
        raise ImproperlyConfigured(f"{name}={value!r} is none of: {', '.join(accepted)}.")
    return value


def roles(name: str) -> str:
    """Of whom something is asked: ``administrators``, ``managers`` (these and those), ``all``, or '' of nobody."""
    value = text(name, "0").lower()
    if value in _FALSE:
        return ""
    if value in _TRUE:
        return "administrators"
    if value not in {"administrators", "managers", "all"}:
        raise ImproperlyConfigured(f"{name}={value!r} is none of: 0, 1, administrators, managers, all.")
    return value


def days(name: str, default: int, least: int) -> int:
    """A number of days, ``least`` or more, or 0 for ever."""
    value = number(name, default)
    if 0 < value < least:
        raise ImproperlyConfigured(f"{name}={value} is too few; use {least} or more, or 0 for ever.")
    return value


def names(name: str, default: list[str]) -> list[str]:
    """A comma-separated list without empty entries."""
    return [part.strip() for part in text(name).split(",") if part.strip()] or default


def languages(name: str) -> list[str]:
    """The languages that people may choose, the first for who has chosen none; all by default."""
    found = list(dict.fromkeys(one.lower() for one in names(name, list(LANGUAGES))))
    for one in found:
        if one not in LANGUAGES:
            raise ImproperlyConfigured(f"{name}: {one!r} is none of: {', '.join(LANGUAGES)}.")
    return found


def hosts(name: str, default: list[str]) -> list[str]:
    """Host names, as a browser sends them: in ASCII, without a scheme, a path or blanks."""
    found = names(name, default)
    for host in found:
        if "/" in host or " " in host:
            raise ImproperlyConfigured(f"{name}: {host!r} is not a host name; use one such as cs.example.com.")
    return [_ascii(name, host) for host in found]


def origins(name: str) -> list[str]:
    """Origins, as a browser sends them: a scheme and a host name in ASCII."""
    found = names(name, [])
    for origin in found:
        if not origin.startswith(("https://", "http://")):
            raise ImproperlyConfigured(f"{name}: {origin!r} is not an origin; use one such as https://cs.example.com.")
    return [_ascii(name, origin) for origin in found]


def networks(name: str) -> list[str]:
    """Networks of addresses, separated by commas; a single address is one of its own."""
    found = names(name, [])
    for one in found:
        try:
            ipaddress.ip_network(one)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name}: {one!r} is not a network; use one such as 192.0.2.0/24 or 2001:db8::/32."
            ) from error
    return found


def sentry(name: str) -> str:
    """Where errors are sent, and with which key, which is not shown; '' is nowhere."""
    value = text(name)
    parts = _split(value)
    is_whole = parts and parts.scheme in {"http", "https"} and parts.hostname and parts.username
    if value and not (is_whole and re.fullmatch(r"/(.+/)?\d+", parts.path)):
        raise ImproperlyConfigured(
            f"{name} cannot be read; use https://key@host/number, as the project's page has it."
        )
    return value


def endpoint(name: str) -> str:
    """Where another program takes what is sent by HTTP; '' is nowhere. It may hold a password, and is not shown."""
    value = text(name)
    parts = _split(value)
    if value and not (parts and parts.scheme in {"http", "https"} and parts.hostname):
        raise ImproperlyConfigured(f"{name} is not an address; use one such as http://127.0.0.1:4318.")
    return value


def headers(name: str) -> dict[str, str]:
    """Headers as ``name=value,name=value``, percent-encoded; they may hold a password, and are not shown."""
    found = {}
    for place, one in enumerate(names(name, []), start=1):
        key, sign, value = one.partition("=")
        if not sign or not re.fullmatch(r"[A-Za-z0-9-]+", key.strip()):
            raise ImproperlyConfigured(f"{name}: number {place} is not as in name=value,name=value.")
        found[key.strip()] = unquote(value.strip())
    return found


def folder(name: str, default: Path) -> Path:
    """A folder's absolute path; it need not exist yet, but must not be a file."""
    path = Path(text(name, str(default))).expanduser().absolute()
    try:
        is_something_else = path.exists() and not path.is_dir()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}={str(path)!r}: {error.strerror}.") from error
    if is_something_else:
        raise ImproperlyConfigured(f"{name}={str(path)!r} is not a folder.")
    return path


def socket(name: str, default: Path) -> Path:
    """The path of a Unix socket, as short as the system needs it."""
    path = Path(text(name, str(default))).expanduser().absolute()
    if len(os.fsencode(path)) > _LONGEST_SOCKET:
        raise ImproperlyConfigured(f"{name}={str(path)!r} has more than {_LONGEST_SOCKET} bytes.")
    return path


def time_zone(name: str, default: str) -> str:
    """The name of a time zone, such as ``Europe/Berlin``."""
    value = text(name, default)
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ImproperlyConfigured(
            f"{name}={value!r} is not a time zone; use a name such as UTC or Europe/Berlin."
        ) from error
    return value


def site(name: str, default: str) -> str:
    """Where people find the pages, such as ``https://cs.example.com``, without a slash at its end; '' where unset."""
    value = text(name, default).rstrip("/")
    parts = _split(value)
    if value and not (parts and parts.scheme in {"http", "https"} and parts.hostname and not parts.username):
        raise ImproperlyConfigured(f"{name}={value!r} is not an address; use one such as https://cs.example.com.")
    if parts and (parts.query or parts.fragment or any(character.isspace() for character in value)):
        raise ImproperlyConfigured(f"{name}={value!r} has more than a host and a path.")
    return _ascii(name, value)


def issuer(name: str) -> str:
    """The address of an OpenID provider, as it names itself; over HTTPS, but on this machine; '' where unset."""
    value = text(name)
    if not value:
        return ""
    parts = _split(value)
    if not parts or parts.scheme not in {"https", "http"} or not parts.hostname or parts.username or parts.query:
        raise ImproperlyConfigured(f"{name}={value!r} is not an address; use one such as https://login.example.com.")
    if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise ImproperlyConfigured(f"{name}={value!r} must begin with https://.")
    if value.rstrip("/").endswith("/.well-known/openid-configuration"):
        raise ImproperlyConfigured(f"{name} is the address before /.well-known/openid-configuration; leave that away.")
    return value


def secret_text(name: str) -> str:
    """A secret: the variable itself, or what the file has that the variable with ``_FILE`` names; never shown."""
    named = text(f"{name}_FILE")
    if not named:
        return text(name)
    if text(name):
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set; use one of them.")
    try:
        found = Path(named).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE={named!r} cannot be read.") from error
    if not found:
        raise ImproperlyConfigured(f"{name}_FILE={named!r} is empty.")
    return found


def scopes(name: str, default: str) -> str:
    """What an OpenID provider is asked for, separated by blanks; ``openid`` is always among it."""
    found = text(name, default).split()
    if "openid" not in found:
        raise ImproperlyConfigured(f"{name} lacks openid; use {default!r}, and add to it what your provider needs.")
    return " ".join(found)


def domains(name: str) -> list[str]:
    """Domains of email addresses, in ASCII and small letters."""
    found = [_ascii(name, domain).lower() for domain in names(name, [])]
    for domain in found:
        if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain):
            raise ImproperlyConfigured(f"{name}: {domain!r} is not a domain; use one such as example.com.")
    return found


def pairs(name: str) -> dict[str, str]:
    """``value=word`` by ``;``; a value may have ``=`` and commas, as names of groups in directories do."""
    found: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in text(name).split(";"))):
        value, mark, word = (one.strip() for one in part.rpartition("="))
        if not (value and mark and word):
            raise ImproperlyConfigured(f"{name}: {part!r} is no pair; use value=Role, and ; between two of them.")
        if found.setdefault(value, word) != word:
            raise ImproperlyConfigured(f"{name} has {value!r} twice; each value gives one role.")
    return found


def sender(name: str, default: str) -> str:
    """Who a mail comes from: an email address, its domain in ASCII, with or without a name before it."""
    value = text(name, default)
    address = parseaddr(value)[1]
    local, _, domain = address.rpartition("@")
    try:
        sent = f"{local}@{ascii_domain(domain)}"
        validate_email(sent)
        if address not in value:
            raise ValidationError("comments in the address")
    except (ValidationError, UnicodeError) as error:
        raise ImproperlyConfigured(
            f"{name}={value!r} is not an email address; use one such as RSOLV <cs@example.com>."
        ) from error
    if len(value.splitlines()) > 1:
        raise ImproperlyConfigured(f"{name} has more than one line.")
    return value.replace(address, sent)


def refuse_unencoded(name: str, url: str) -> None:
    """Refuse a URL that would be read in part only, because of a character that must be percent-encoded.

    Whatever follows a ``#``, and a password from its first ``/`` or ``?`` on, would be dropped in silence. The URL may
    hold a password, and is never shown.
    """
    scheme, _, rest = url.partition("://")
    beyond = rest[len(re.split(r"[/?#]", rest, maxsplit=1)[0]) :]
    is_file = scheme.startswith("sqlite")
    cut = "#" in url or not url.isprintable() or ("@" in beyond and not is_file)
    cut = cut or re.search(r"%(?![0-9A-Fa-f]{2})", url) is not None or (is_file and "?" in url and "=" not in url)
    if cut:
        raise _unencoded(name)


def replica(name: str, primary: DBConfig) -> DBConfig | None:
    """A database that is a copy of the primary, connected to as that one is; None where unset. It is not shown."""
    url = text(name)
    if not url:
        return None
    if primary["ENGINE"] == _SQLITE:
        raise ImproperlyConfigured(f"{name} is set, but DATABASE_URL is SQLite, which has no replicas.")
    refuse_unencoded(name, url)
    accepted = "use postgres://user:password@host:5432/name."
    try:
        found = dj_database_url.parse(url, conn_max_age=600, conn_health_checks=True)
    except ValueError:
        # Without the cause, whose message may hold a piece of the password.
        raise ImproperlyConfigured(f"{name} cannot be read; {accepted}") from None
    if found["ENGINE"] != _POSTGRESQL or not found["NAME"]:
        raise ImproperlyConfigured(f"{name} does not name a database of PostgreSQL; {accepted}")
    # One that has gone without a word is given up within seconds.
    gone = {"connect_timeout": 2, "tcp_user_timeout": 5_000, "keepalives_idle": 5, "keepalives_interval": 2}
    found["OPTIONS"] = {**gone, "keepalives_count": 3, **found.get("OPTIONS", {})}
    found["ENGINE"] = primary["ENGINE"]
    return found


def mail_server(name: str, default: str) -> dict[str, Any]:
    """Django's ``EMAIL_*`` settings from a URL; '' is no mail at all. It may hold a password, and is never shown."""
    value = text(name, default)
    accepted = "use smtp://user:password@host:587/?tls=1, smtps://user:password@host, or console:."
    if not value:
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
    if value in {"console:", "console://"}:
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    refuse_unencoded(name, value)
    parts = _split(value)
    if parts is None or parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ImproperlyConfigured(f"{name} cannot be read; {accepted}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    tls = options.pop("tls", "0").lower()
    if options or tls not in _TRUE | _FALSE:
        raise ImproperlyConfigured(f"{name} has an option that is not tls=1 or tls=0; {accepted}")
    implicit, started = parts.scheme == "smtps", tls in _TRUE
    if implicit and started:
        raise ImproperlyConfigured(f"{name}: smtps:// speaks TLS from the start, so leave tls=1 away.")
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": _ascii(name, parts.hostname),
        "EMAIL_PORT": parts.port or (465 if implicit else 587 if started else 25),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": started,
        "EMAIL_USE_SSL": implicit,
    }


def channels(name: str) -> list[str]:
    """Apprise's URLs, separated by blanks or commas. They hold secrets: a message names one by its place only."""
    found = [part for part in re.split(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)|\s+", text(name)) if part.strip(",")]
    for place, url in enumerate(found, start=1):
        if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]", url):
            raise ImproperlyConfigured(f"{name}: number {place} is not a URL of Apprise, such as json://host/path.")
        if re.match(r"[^/]*://[^/@]*:[^/@]*[#?][^/]*@", url):
            raise _unencoded(f"{name}: number {place}")
    return found


def _unencoded(name: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{name} has a special character that must be percent-encoded. In a user name or a password write "
        "%23 for #, %2F for /, %3F for ?, %40 for @, %25 for %, and %20 for a blank."
    )


def _ascii(name: str, host: str) -> str:
    """A host name, or an address with one, in ASCII."""
    start, mark, rest = host.rpartition("://")
    domain, slash, path = rest.partition("/")
    try:
        domain = domain if domain.isascii() else ascii_domain(domain)
    except UnicodeError as error:
        raise ImproperlyConfigured(f"{name}: {host!r} has no form in ASCII.") from error
    return f"{start}{mark}{domain}{slash}{quote(path, safe=_IN_PATHS)}"


def _split(value: str) -> Any:
    """The parts of a URL; None where it is none, or its port is no number."""
    try:
        parts = urlsplit(value)
        _port = parts.port
    except ValueError:
        return None
    return parts
