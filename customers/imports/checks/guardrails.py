"""Guardrails: a file that looks wrong as a whole is refused, unless somebody forces it."""

from collections.abc import Iterator, Sequence

from django.utils import timezone

from customers.feeds.declarations import Feed
from customers.feeds.reader import CsvReader, Refused
from customers.imports.interface import Options
from customers.imports.quarantine import CHANGED_WHILE_READ, examples
from customers.models import ImportRun, QuarantinedRow
from customers.text.quoted import quoted
from customers.text.say import english
from customers.text.written import moment, number

GUARDED_ROWS = 20
MAX_QUARANTINED_SHARE = 0.10
MIN_KEPT_SHARE = 0.5
MAX_QUARANTINED = 10_000
"""A file with more bad rows than this is refused at once, unless it is forced."""
MAX_QUARANTINED_TEXT = 64 * 2**20
"""Bad rows with more characters than this end a file as early."""
NAMED_ROWS = 3


class Guardrails:
    """The guardrails of one file."""

    def __init__(self, feed: Feed, run: ImportRun, options: Options) -> None:
        self.feed = feed
        self.run = run
        self.options = options
        self._rows = self._text = 0

    def count(self, bad: Sequence[QuarantinedRow]) -> None:
        """Count some more bad rows, and refuse the file once there are too many."""
        self._rows += len(bad)
        self._text += sum(len(row.raw) for row in bad)
        self.end_early(self._rows, bad)

    def end_early(self, bad: int, newest: Sequence[QuarantinedRow] = ()) -> None:
        """Refuse a file that has this many bad rows, found so far, before more work goes into it."""
        if self.options.force and not self.options.bounded:
            return
        if bad > MAX_QUARANTINED:
            what = english(f"{number(MAX_QUARANTINED)} rows")
        elif self._text > MAX_QUARANTINED_TEXT:
            what = english(f"{MAX_QUARANTINED_TEXT >> 20} MB of text")
        else:
            return
        # The refusal names these rows; they are rolled back with the rest.
        QuarantinedRow.objects.bulk_create(newest[:NAMED_ROWS])
        self.run.over_limit = True
        raise Refused(english(f"more than {what} would be quarantined: {examples(self.run)}"))

    def check(self, source: CsvReader) -> None:
        """Refuse a file that looks wrong as a whole; ``force`` notes it instead, with who forced it."""
        run, bad = self.run, self.run.quarantined
        if self.options.strict and bad:
            what = english(f"{bad} of {run.rows} rows would be quarantined, and --strict allows none")
            raise Refused(f"{what}: {examples(run)}")
        self.end_early(bad)
        alarms = list(self._alarms(source))
        if not alarms:
            return
        if not self.options.force:
            raise Refused("; ".join(alarms))
        run.forced_by = self.options.started_by
        run.warnings += [english(f"forced by {run.forced_by}: {alarm}") for alarm in alarms]

    def _alarms(self, source: CsvReader) -> Iterator[str]:
        run, rows, bad = self.run, self.run.rows, self.run.quarantined
        whole = run.scope == ImportRun.Scope.WHOLE
        if bad > MAX_QUARANTINED:
            yield english(f"{number(bad)} rows would be quarantined, more than {number(MAX_QUARANTINED)}")
        if whole and rows >= GUARDED_ROWS and bad > rows * MAX_QUARANTINED_SHARE:
            share = english(f"{number(bad)} of {number(rows)} rows would be quarantined, more than 10 %")
            yield f"{share}: {examples(run)}"
        if whole and self.feed.full:
            accepted = ImportRun.objects.accepted().filter(feed=self.feed.name)
            last = accepted.order_by("-pk").values_list("rows", flat=True).first()
            if last and last >= GUARDED_ROWS and rows < last * MIN_KEPT_SHARE:
                yield english(
                    f"the file has {number(rows)} rows, the last one had {number(last)}: more than half are gone"
                )
        if whole and (old := _old_delivery(run)):
            if self.feed.full:
                yield old
            else:
                run.warnings.append(english(f"an old delivery: {old}"))
        if source.changed:
            yield CHANGED_WHILE_READ


def _old_delivery(run: ImportRun) -> str:
    """Say which earlier file the run's file is, if a newer one was loaded since; '' if none.

    The ledger knows each file by the SHA-256 of what it says, unpacked. Undone runs do not count, and the very file
    that was loaded last is no old one.
    """
    accepted = ImportRun.objects.accepted().filter(feed=run.feed).order_by("-pk")
    newest = accepted.first()
    if newest is None or newest.content_sha256 == run.content_sha256:
        return ""
    same = accepted.filter(content_sha256=run.content_sha256).first()
    if same is None:
        return ""
    return english(
        f"it is the file that {_run_in_words(same)} has loaded ({quoted(same.file)}), and a newer one was loaded "
        f"since, by {_run_in_words(newest)}"
    )


def _run_in_words(run: ImportRun) -> str:
    with timezone.override(timezone.get_default_timezone()):
        return english(f"run {run.pk} of {moment(run.started_at)}")
