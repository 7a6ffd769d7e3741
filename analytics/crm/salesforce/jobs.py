"""An ingest job of Bulk API 2.0: made, given its rows, closed, waited for, and its result files read.

Salesforce works on nothing before a job is closed, and takes one upload a job. So where it is not known whether an
upload arrived, the job is given up and another one made; a job that is closed is never sent again, only asked.
"""

import csv
import io
import re
import time
from collections.abc import Iterator, Mapping

from analytics.crm.calls import Interrupted, until_answered
from analytics.crm.interface import CrmAtWork, CrmUnavailable, RowOutcome, RowResult
from analytics.crm.salesforce.connection import DATA, Connection, RequestRefused
from analytics.wording import one_line
from customers.text.say import english

_JOBS = f"{DATA}/jobs/ingest"
_ID = re.compile(r"[A-Za-z0-9]{15,18}")
_AT_WORK = {"UploadComplete", "InProgress"}
_GROWTH = 1.5
_MAX_WORDS = 1000


class Jobs:
    """The ingest jobs that upsert into one kind of object by one external id."""

    def __init__(self, connection: Connection, sobject: str, match_key: str) -> None:
        self._connection = connection
        self._sobject = sobject
        self._match_key = match_key

    def create(self) -> str:
        """Make a job and return its id. One that is made twice by mistake stays open, and does nothing."""
        asked = {
            "object": self._sobject,
            "operation": "upsert",
            "externalIdFieldName": self._match_key,
            "contentType": "CSV",
            "lineEnding": "LF",
        }
        job = str(self._connection.json("POST", _JOBS, asked).get("id"))
        if not _ID.fullmatch(job):
            raise CrmUnavailable(english("Salesforce names a job that cannot be one."))
        return job

    def upload(self, job: str, content: bytes) -> None:
        """Give a job its rows; raise ``Interrupted`` where nobody knows whether it has them."""
        headers = {"Content-Type": "text/csv; charset=UTF-8"}
        self._connection.once("PUT", f"{_JOBS}/{job}/batches", data=content, headers=headers)

    def close(self, job: str) -> None:
        """Let Salesforce begin. Where no answer comes, the job itself says whether it has."""

        def close() -> None:
            try:
                self._connection.once("PATCH", f"{_JOBS}/{job}", json={"state": "UploadComplete"})
            except (Interrupted, RequestRefused):
                if self.state(job) == english("Open"):
                    raise

        until_answered("Salesforce", close, self._connection.patience.pauses)

    def give_up(self, job: str) -> None:
        """Abort a job that has not begun. One that cannot be aborted stays open, and does nothing."""
        try:
            self._connection.once("PATCH", f"{_JOBS}/{job}", json={"state": english("Aborted")})
        except (Interrupted, RequestRefused):
            return

    def state(self, job: str) -> str:
        """Return the state of a job; '' where Salesforce has it no more."""
        return str(self._info(job).get("state", ""))

    def wait(self, job: str) -> Mapping[str, object]:
        """Wait until a closed job has ended, and return what Salesforce says of it."""
        patience = self._connection.patience
        until, pause = time.monotonic() + patience.job, patience.poll
        while (info := self._info(job)).get("state") in _AT_WORK:
            if time.monotonic() > until:
                raise CrmAtWork(
                    english(f"Salesforce is still at work on job {job}. Resume the push later: it is not sent twice.")
                )
            time.sleep(pause)
            pause = min(pause * _GROWTH, patience.longest_poll)
        return info

    def results(self, job: str) -> Iterator[tuple[Mapping[str, str], RowResult]]:
        """Yield the rows that an ended job has dealt with, as they were sent, each with what became of it.

        Their columns are in small letters: Salesforce has no two fields that differ in capitals.
        """
        key = self._match_key.lower()
        for row in self._file(job, "successfulResults"):
            outcome = RowOutcome.CREATED if row.get("sf__created", "").lower() == "true" else RowOutcome.UPDATED
            yield row, RowResult(row.get(key, ""), outcome)
        for row in self._file(job, "failedResults"):
            yield row, RowResult(row.get(key, ""), RowOutcome.REFUSED, _words(row.get("sf__error", "")))

    def _info(self, job: str) -> Mapping[str, object]:
        try:
            return self._connection.json("GET", f"{_JOBS}/{job}")
        except RequestRefused as refused:
            if refused.status == 404:
                return {}
            raise

    def _file(self, job: str, name: str) -> Iterator[dict[str, str]]:
        content = self._connection.content(f"{_JOBS}/{job}/{name}/")
        for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig", "replace"), newline="")):
            yield {column.lower(): cell or "" for column, cell in row.items() if column}


def _words(error: str) -> str:
    """Return Salesforce's words without the dashes that it puts behind them where it names no field."""
    return one_line(error.removesuffix("--").rstrip(" :"), _MAX_WORDS)
