"""What an undo does to the rows that the product reported: they give way to the files' rows as they are then."""

from customers.core.limits import FETCH_SIZE, batches
from customers.core.sql import execute, table_of
from customers.feeds.declarations import Feed
from customers.imports.journal import CHANGE, journal_name
from customers.imports.provisional import in_a_file, supersede_provisional
from customers.models import ImportRun, InboxEvent


def give_way(feed: Feed, undoing: ImportRun) -> None:
    """Let the feed's provisional rows go that a file has, though the undo was to bring them back, or left them."""
    there = f"SELECT t.id FROM {table_of(feed.model)} t WHERE {in_a_file(feed)}"
    execute(
        f"""
        UPDATE {CHANGE} SET reason = 'a file has it'
        WHERE run_id = {int(undoing.pk)} AND model = '{journal_name(feed.model)}' AND reason = ''
            AND after IS NOT NULL AND key IN ({there})"""
    )
    supersede_provisional(feed, undoing)
    _let_wait_again(feed, undoing)


def _let_wait_again(feed: Feed, undoing: ImportRun) -> None:
    """Let the next ingest judge the events anew that stood behind rows of files that go."""
    gone = undoing.changes.done().filter(model=journal_name(feed.model), after__isnull=True)
    customers = {row["customer_id"] for row in gone.values_list("before", flat=True).iterator() if row}
    for some in batches(customers, FETCH_SIZE):
        events = InboxEvent.objects.filter(state=InboxEvent.State.SUPERSEDED, customer_key__in=some)
        events.update(state=InboxEvent.State.WAITING, run=None)
