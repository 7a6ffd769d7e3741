"""HubSpot: companies, found by a property of ours with unique values, written a hundred a call."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from analytics.crm.calls import Body
from analytics.crm.credentials import credential, variable_of
from analytics.crm.hubspot.http import Caller, CrmAnswer, words_of
from analytics.crm.interface import CrmRow, CrmUnavailable, JobState, RowOutcome, RowResult, refuse_foreign
from analytics.models import Destination
from customers.core.limits import batches
from customers.text.say import english

VERSION = "2026-03"
"""The dated version of every path."""
ADDRESS = "https://api.hubapi.com"
A_CALL = 100
"""The most companies that HubSpot takes in one call."""
_COMPANIES = f"/crm/objects/{VERSION}/companies/batch"
_PROPERTIES = f"/crm/properties/{VERSION}/companies"
_DONE, _PARTLY = {200, 201}, 207
_OF_ROWS = {400, 409}
"""A whole call refused for what a row of it has: the row is found by halves."""


class HubSpot:
    """Companies of HubSpot, by a private app's token."""

    record_every = A_CALL

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        token = credential(destination, "TOKEN")
        self._caller = Caller(credential(destination, "URL", ADDRESS), token)

    def check(self) -> list[str]:
        """Return which of our properties lack there, or cannot hold what they are for."""
        answer = self._call("GET", _PROPERTIES)
        there = {one["name"]: one for one in answer.body.get("results", []) if not one.get("archived")}
        destination = self._destination
        faults = [
            english(f"HubSpot has no company property {name}.") for name in sorted(destination.ours - set(there))
        ]
        if destination.match_key in there and not there[destination.match_key].get("hasUniqueValue"):
            faults.append(
                english(f"The property {destination.match_key} does not require unique values, so it cannot match.")
            )
        return faults

    def read(self, keys: Iterable[str], fields: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Return what the companies with these keys have; the keys of others are not in it."""
        found: dict[str, Mapping[str, str]] = {}
        match_key = self._destination.match_key
        for some in batches(dict.fromkeys(keys), A_CALL):
            body = {
                "idProperty": match_key,
                "properties": [match_key, *fields],
                "propertiesWithHistory": [],
                "inputs": [{"id": key} for key in some],
            }
            answer = self._call("POST", f"{_COMPANIES}/read", body)
            for one in answer.body.get("results", []):
                has = one["properties"]
                found[has[match_key]] = {name: has.get(name) or "" for name in fields}
        return found

    def push(self, rows: Iterable[CrmRow], state: JobState) -> Iterator[RowResult]:
        """Write the rows, a call at a time; the same row twice is no harm, so nothing is kept of a job."""
        for some in _calls(rows):
            refuse_foreign(self._destination.prefix, {name for row in some for name in row.values})
            yield from self._upsert(some)

    def _upsert(self, rows: Sequence[CrmRow]) -> Iterator[RowResult]:
        answer = self._call("POST", f"{_COMPANIES}/upsert", {"inputs": [self._input(row) for row in rows]})
        if answer.status in _OF_ROWS and len(rows) > 1:
            middle = len(rows) // 2
            yield from self._upsert(rows[:middle])
            yield from self._upsert(rows[middle:])
        elif answer.status in _OF_ROWS:
            yield RowResult(rows[0].key, RowOutcome.REFUSED, words_of(answer.body))
        else:
            yield from self._read_results(rows, answer.body)

    def _read_results(self, rows: Sequence[CrmRow], body: Body) -> Iterator[RowResult]:
        """Yield what became of each row; those that an error without a name may be about are sent by halves."""
        results = _results(rows, body)
        unnamed = [words_of(error) for error in body.get("errors", []) if not _traces(error)]
        known = {one.key for one in results}
        lost = [row for row in rows if row.key not in known]
        yield from results
        if unnamed and len(lost) > 1:
            yield from self._upsert(lost[: len(lost) // 2])
            yield from self._upsert(lost[len(lost) // 2 :])
        else:
            outcome = RowOutcome.REFUSED if unnamed else RowOutcome.UNKNOWN
            yield from (RowResult(row.key, outcome, " ".join(unnamed)) for row in lost)

    def _input(self, row: CrmRow) -> dict[str, object]:
        # Only with an id of our own for each row does HubSpot answer row by row.
        return {
            "id": row.key,
            "idProperty": self._destination.match_key,
            "properties": {**row.values, self._destination.match_key: row.key},
            "objectWriteTraceId": row.key,
        }

    def _call(self, method: str, path: str, body: Body | None = None) -> CrmAnswer:
        """Return the answer to a call, unless it concerns all of them."""
        answer = self._caller.call(method, path, body)
        if answer.status in _DONE or (answer.status in {_PARTLY, *_OF_ROWS} and method == "POST"):
            return answer
        raise CrmUnavailable(self._reason(answer))

    def _reason(self, answer: CrmAnswer) -> str:
        token, said = variable_of(self._destination, "TOKEN"), words_of(answer.body)
        if answer.status == 401:
            return english(f"HubSpot does not accept the token in {token}: {said}")
        if answer.status == 403:
            return english(f"The private app whose token is in {token} lacks a scope: {said}")
        return english(f"HubSpot answers {answer.status}: {said}")


def _calls(rows: Iterable[CrmRow]) -> Iterator[list[CrmRow]]:
    """Yield the rows a call at a time, none with two keys that HubSpot might take for one."""
    for some in batches(rows, A_CALL):
        first: dict[str, CrmRow] = {}
        others = [row for row in some if first.setdefault(row.key.casefold(), row) is not row]
        yield list(first.values())
        if others:
            yield from _calls(others)


def _traces(error: Body) -> list[str]:
    """Return the rows that an error names."""
    return list((error.get("context") or {}).get("objectWriteTraceId") or ())


def _results(rows: Sequence[CrmRow], body: Body) -> list[RowResult]:
    """Return what became of the rows that an answer names."""
    refused = {trace: words_of(error) for error in body.get("errors", []) for trace in _traces(error)}
    done = {one.get("objectWriteTraceId"): bool(one.get("new")) for one in body.get("results", [])}
    found = []
    for row in rows:
        if row.key in done:
            found.append(RowResult(row.key, RowOutcome.CREATED if done[row.key] else RowOutcome.UPDATED))
        elif row.key in refused:
            found.append(RowResult(row.key, RowOutcome.REFUSED, refused[row.key]))
    return found
