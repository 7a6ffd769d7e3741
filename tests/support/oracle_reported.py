"""What the product reported, as the oracle sees it: rows of the feeds as of a date, until a file has them."""

import datetime as dt

from tests.support.oracle_feeds import STEPS, Feeds, Row


def with_reported(
    feeds: Feeds, counters: list[Row], steps: list[Row], d: dt.date, today: dt.date, *, newest: bool
) -> Feeds:
    """The feeds as they count on D, with the rows and step events that the product reported, one for each place."""
    engagement = list(feeds.engagement)
    for row in counters:
        if not any(is_same(row, other, "date") for other in feeds.engagement):
            engagement.append({**row, "date": day_of(row, d, today, newest)})
    events, onboarding = list(feeds.events), {row["customer_id"]: dict(row) for row in feeds.onboarding}
    for row in steps:
        if not any(is_same(row, other, "kind") for other in feeds.events):
            events.append({**row, "date": day_of(row, d, today, newest)})
            # The event says that the step is done, whatever the onboarding says.
            nothing = {"customer_id": row["customer_id"], **dict.fromkeys(STEPS, False)}
            onboarding.setdefault(row["customer_id"], nothing)[row["kind"]] = True
    return Feeds(feeds.customers, list(onboarding.values()), engagement, feeds.feedback, events)


def is_same(row: Row, other: Row, name: str) -> bool:
    return row["customer_id"] == other["customer_id"] and row[name] == other[name]


def day_of(row: Row, d: dt.date, today: dt.date, newest: bool) -> dt.date:
    """On the newest scored date what is dated later, up to today, counts as of it."""
    return d if newest and d < row["date"] <= today else row["date"]


def through(
    feeds: Feeds, counters: list[Row], steps: list[Row], customer: Row, d: dt.date, today: dt.date
) -> dt.date | None:
    """Through which day the newest scored date has what was reported of a customer; None where nothing was."""
    days = []
    for rows, in_files, name in ((counters, feeds.engagement, "date"), (steps, feeds.events, "kind")):
        for row in rows:
            is_theirs = row["customer_id"] == customer["id"] and d < row["date"] <= today
            if is_theirs and not any(is_same(row, other, name) for other in in_files):
                days.append(row["date"])
    return max(days) if days else None
