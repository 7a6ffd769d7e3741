"""Rows that the product reported and no file has yet; they give way as soon as a file has them.

There is one for each customer and day (engagement), or customer and step (events). Its key begins with a character
that no key of a file has.
"""

import hashlib

from customers.core.sql import execute, fetch, table_of
from customers.feeds.declarations import ENGAGEMENT, EVENTS, Feed
from customers.fields import KeyField
from customers.imports.journal import save_before
from customers.models import ImportRun

SAME_BY = {ENGAGEMENT.name: "date", EVENTS.name: "kind"}
"""The column that, beside the customer, tells which provisional row a file's row takes the place of."""


def provisional_key(customer_id: str, same_by: str) -> str:
    """Return the key of a customer's provisional row of a day, or of a step; that of a long id is a hash."""
    key = f"~{same_by}~{customer_id}"
    if len(key) > KeyField.MAX_LENGTH:
        key = f"~{same_by}~~{hashlib.sha256(customer_id.encode()).hexdigest()[:32]}"
    return key


def in_a_file(feed: Feed) -> str:
    """Return SQL for whether a provisional row ``t`` of a feed is in a file by now."""
    same = SAME_BY[feed.name]
    return f"""t.provisional AND EXISTS (
        SELECT 1 FROM {table_of(feed.model)} f
        WHERE f.customer_id = t.customer_id AND f.{same} = t.{same} AND NOT f.provisional)"""


def supersede_provisional(feed: Feed, run: ImportRun) -> int:
    """Delete a feed's provisional rows that a file has by now; return how many. ``run`` keeps them in its journal.

    An ingest brings no row that a file has, so there is nothing to look for after it.
    """
    if feed.name not in SAME_BY or run.scope == ImportRun.Scope.EVENTS:
        return 0
    if not fetch(f"SELECT 1 FROM {table_of(feed.model)} WHERE provisional LIMIT 1"):
        return 0
    save_before(run, feed.model, in_a_file(feed))
    return execute(f"DELETE FROM {table_of(feed.model)} AS t WHERE {in_a_file(feed)}")
