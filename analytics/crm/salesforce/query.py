"""What Salesforce has of some accounts, by SOQL."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote, urlencode

from analytics.crm.interface import CrmUnavailable
from analytics.crm.salesforce.connection import DATA, Connection
from customers.text.say import english

# A request may have 16,384 bytes with its headers; the platform adds to a query before it runs it.
MOST_OF_ADDRESS = 6_000
_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
_ESCAPED = re.compile(r"[\\'\"\n\r\t\f\b]")
_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\f": r"\f", "\b": r"\b"}


def literal(text: str) -> str:
    """Return a text as SOQL writes it."""
    return f"'{_ESCAPED.sub(lambda found: _ESCAPES.get(found[0], chr(92) + found[0]), text)}'"


def accounts(
    connection: Connection, sobject: str, match_key: str, fields: Sequence[str], keys: Iterable[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each account that has one of the keys: its own key, and its fields' texts."""
    names = [match_key, *(name for name in fields if name != match_key)]
    if foreign := [name for name in [sobject, *names] if not _NAME.fullmatch(name)]:
        raise ValueError(f"{foreign[0]!r} is no name of a field")
    start = f"SELECT {', '.join(names)} FROM {sobject} WHERE {match_key} IN ("
    for literals in _in_addresses(keys, len(quote(start))):
        query = urlencode({"q": f"{start}{','.join(literals)})"}, quote_via=quote)
        for record in _records(connection, f"{DATA}/query/?{query}"):
            # The answer spells the fields as the organisation does, perhaps in other capitals.
            values = {name.lower(): _text(value) for name, value in record.items()}
            yield values.get(match_key.lower(), ""), {name: values.get(name.lower(), "") for name in fields}


def _in_addresses(keys: Iterable[str], start: int) -> Iterator[list[str]]:
    """Yield as many literals as one address takes."""
    literals: list[str] = []
    size = start
    for key in keys:
        written = literal(key)
        length = len(quote(written)) + len(quote(","))
        if literals and size + length > MOST_OF_ADDRESS:
            yield literals
            literals, size = [], start
        literals.append(written)
        size += length
    if literals:
        yield literals


def _records(connection: Connection, path: str) -> Iterator[Mapping[str, object]]:
    while path:
        answer = connection.json("GET", path)
        records = answer.get("records")
        if not isinstance(records, list):
            raise CrmUnavailable(english("Salesforce answers a query without records."))
        yield from records
        path = "" if answer.get("done", True) else str(answer.get("nextRecordsUrl", ""))


def _text(value: object) -> str:
    """Return a field's value as it would be sent: a number of Salesforce has a decimal point that ours has not."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)
