"""Salesforce as a CRM: accounts upserted by our external id, in jobs that a later process can ask for."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from analytics.crm.calls import Interrupted, until_answered
from analytics.crm.interface import CrmRow, CrmUnavailable, JobState, RowOutcome, RowResult
from analytics.crm.salesforce.connection import DATA, Connection, Credentials, Patience, RequestRefused
from analytics.crm.salesforce.jobs import Jobs
from analytics.crm.salesforce.query import accounts
from analytics.crm.salesforce.upload import Upload, cells_of, columns_of
from analytics.wording import counted, in_a_row
from customers.text.say import english

ACCOUNT = english("Account")
# The rows of a job are in memory until its results are. An upload grows by half there, to at most 150 MB.
MOST_ROWS = 5_000
MOST_BYTES = 100_000_000

Dealt = dict[str, tuple[int, RowResult]]


class Salesforce:
    """One organisation. It writes the ``ours`` of its accounts and no other field."""

    record_every = 1_000

    def __init__(
        self,
        credentials: Credentials,
        prefix: str,
        match_key: str,
        ours: Collection[str],
        patience: Patience | None = None,
    ) -> None:
        self._connection = Connection(credentials, patience or Patience())
        self._match_key = match_key
        self._columns = columns_of(prefix, match_key, ours)
        self._jobs = Jobs(self._connection, ACCOUNT, match_key)

    def check(self) -> list[str]:
        """Return what is wrong with the match key, the fields or the rights, in words."""
        try:
            told = self._connection.json("GET", f"{DATA}/sobjects/{ACCOUNT}/describe/")
        except RequestRefused as refused:
            return [english(f"The app’s user may not see accounts. {refused}")]
        described = {str(field.get("name")).lower(): field for field in _objects(told.get("fields"))}
        faults = [] if told.get("updateable") else [english("The app’s user may not edit accounts.")]
        faults += [words for name in self._columns if (words := _fault(name, described.get(name.lower())))]
        key = described.get(self._match_key.lower())
        if key and not (key.get("externalId") and key.get("unique")):
            faults.append(english(f"{self._match_key} is no unique external id. Tick both boxes of the field."))
        return faults

    def read(self, keys: Iterable[str], fields: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Return what accounts have in these fields. An external id may be written there in another case."""
        asked = list(keys)
        found = dict(accounts(self._connection, ACCOUNT, self._match_key, fields, asked))
        folded = {key.casefold(): values for key, values in found.items()}
        return {key: values for key in asked if (values := found.get(key) or folded.get(key.casefold())) is not None}

    def push(self, rows: Iterable[CrmRow], state: JobState) -> Iterator[RowResult]:
        """Upsert the rows. What the jobs of an earlier process have done is asked for, and not sent again."""
        jobs = _jobs_of(state.read())
        dealt = self._dealt_with(jobs)
        upload = self._new_upload()
        for row in rows:
            cells = cells_of(row, self._columns)
            earlier = dealt.pop(row.key, None)
            if earlier and earlier[0] == hash(cells):
                yield earlier[1]
                continue
            if not upload.add(cells):
                yield from self._send(upload, jobs, state)
                upload = self._new_upload()
                upload.add(cells)
        if upload.keys:
            yield from self._send(upload, jobs, state)

    def _new_upload(self) -> Upload:
        return Upload(self._columns, MOST_ROWS, MOST_BYTES)

    def _dealt_with(self, jobs: Iterable[str]) -> Dealt:
        """Return what earlier jobs did, with the cells that they had; a job that never began is given up."""
        dealt: Dealt = {}
        for job in jobs:
            if self._jobs.state(job) == english("Open"):
                self._jobs.give_up(job)
                continue
            if _has_results(self._jobs.wait(job)):
                for sent, result in self._jobs.results(job):
                    dealt[result.key] = hash(tuple(sent.get(column.lower(), "") for column in self._columns)), result
        return dealt

    def _send(self, upload: Upload, jobs: list[str], state: JobState) -> Iterator[RowResult]:
        """Send one job's rows and yield all of its results; raise where Salesforce has not dealt with each."""
        job = self._submit(upload.content(), jobs, state)
        info = self._jobs.wait(job)
        left = dict.fromkeys(upload.keys)
        if _has_results(info):
            for _sent, result in self._jobs.results(job):
                if result.key in left:
                    del left[result.key]
                    yield result
        if left:
            words = str(info.get("errorMessage") or english("Salesforce has not processed this row."))
            yield from (RowResult(key, RowOutcome.UNKNOWN, words) for key in left)
            raise CrmUnavailable(_stopped(job, info, len(left)))

    def _submit(self, content: bytes, jobs: list[str], state: JobState) -> str:
        """Return a job that has the rows and is closed. Its id is stored before anything can come of it."""

        def submit() -> str:
            job = self._jobs.create()
            jobs.append(job)
            state.save({"jobs": jobs})
            try:
                self._jobs.upload(job, content)
            except (Interrupted, RequestRefused):
                self._jobs.give_up(job)
                raise
            self._jobs.close(job)
            return job

        return until_answered("Salesforce", submit, self._connection.patience.pauses)


def _jobs_of(state: Mapping[str, object]) -> list[str]:
    jobs = state.get("jobs")
    return [str(job) for job in jobs] if isinstance(jobs, list) else []


def _objects(value: object) -> list[Mapping[str, object]]:
    """Return the objects of a list in an answer; none where it is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _has_results(info: Mapping[str, object]) -> bool:
    """Tell whether a job that has ended dealt with rows; of one that it has no more, Salesforce says nothing."""
    return bool(info) and info.get("numberRecordsProcessed") != 0


def _fault(name: str, field: Mapping[str, object] | None) -> str:
    if field is None:
        return english(f"Account has no field {name} that the app’s user may see.")
    rights = {"createable": english("fill it in a new account"), "updateable": english("edit it")}
    lacking = [words for right, words in rights.items() if not field.get(right)]
    return english(f"{name}: the app’s user may not {in_a_row(lacking)}.") if lacking else ""


def _stopped(job: str, info: Mapping[str, object], left: int) -> str:
    words = info.get("errorMessage") or {english("Aborted"): english("somebody aborted it there")}.get(
        str(info.get("state")), english("no reason given")
    )
    return english(
        f"Job {job} in Salesforce left {counted(left, 'row')} unprocessed: {words}. Mend that, then resume the push."
    )
