"""Notice keys that seem to have changed: a new customer who looks like one that vanished from the feed.

What staff keep hangs on the key, which only the feed owns. So nothing is carried over by itself: the run warns and
names both, and a person decides (see ``same_customer``).
"""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from django.db.models import F, Q, QuerySet

from customers.core.limits import BATCH_SIZE
from customers.core.sql import Row, fetch, table_of
from customers.feeds.declarations import Feed
from customers.imports.journal import CHANGE, journal_name, json_field
from customers.models import Customer, ImportRun, KeyChange
from customers.text.addresses import mailbox
from customers.text.say import english

State = KeyChange.State
NAMED = 20
"""The most pairs of a kind that a run names."""


def notice(feed: Feed, run: ImportRun) -> list[KeyChange]:
    """Note the pairs of keys that a run's rows suggest, with a warning each; return the new ones.

    Call it after ``save_after``, which completes the run's journal.
    """
    if not feed.of_customers:
        _warn_of_returned(run)
    if not Customer.objects.exclude(missing_since=None).exists():
        return []
    return _moved(feed, run) if feed.of_customers else _renamed(run)


def undecided() -> QuerySet[KeyChange]:
    """Return the pairs that still look like one customer: one is there, the other is missing and joined to nobody."""
    joined = KeyChange.objects.filter(state=State.JOINED).values("former")
    pairs = KeyChange.objects.filter(state=State.OPEN, former__missing_since__isnull=False)
    return pairs.filter(customer__missing_since=None).exclude(former__in=joined)


def pairs_of(customer: Customer) -> list[KeyChange]:
    """Return the pairs for a customer's page, oldest first: undecided and joined ones; one query."""
    shown = Q(state=State.JOINED) | Q(pk__in=undecided().values("pk"))
    pairs = KeyChange.objects.filter(Q(customer=customer) | Q(former=customer)).filter(shown)
    return list(pairs.select_related("customer", "former__missing_since").order_by("pk"))


def changed_keys() -> frozenset[str]:
    """Return the keys of all customers whose pages may show a pair."""
    pairs = KeyChange.objects.exclude(state=State.APART).order_by()
    return frozenset(key for both in pairs.values_list("customer_id", "former_id") for key in both)


def closed_former(customer: Customer) -> Customer | None:
    """Return a vanished customer marked “do not contact” who may be this one under a former key, or None."""
    pairs = undecided().filter(customer=customer, former__care__do_not_contact=True).select_related("former")
    pair = pairs.order_by("pk").first()
    return pair.former if pair else None


def with_closed_former(customers: Collection[str]) -> set[str]:
    """Return who of many customers ``closed_former`` finds a customer for; one query."""
    pairs = undecided().filter(customer__in=customers, former__care__do_not_contact=True)
    return set(pairs.values_list("customer_id", flat=True))


def _renamed(run: ImportRun) -> list[KeyChange]:
    """Note new customers with the mailbox and the organisation of one that is missing."""
    pairs = _note(run, list(_with_same_identity(_new_customers(run))), same_address=True)
    _warn(
        run,
        (
            english(
                f"a key seems to have changed: customer {pair.customer_id} is new, with the email address and "
                f"organisation of customer {pair.former_id}, who is missing from the feed"
            )
            for pair in pairs
        ),
        len(pairs),
    )
    return pairs


def _new_customers(run: ImportRun) -> list[Row]:
    """Return id, email address and organisation of the customers whom a run created, by id.

    A row of the run's own file names the run, and its journal lacks it. A row out of quarantine names an earlier run,
    so the journal has it, without an image from before.
    """
    entry = f"c.run_id = {int(run.pk)} AND c.model = '{journal_name(Customer)}' AND c.key = t.id"
    return fetch(
        f"""
        SELECT t.id, t.email, t.organization FROM {table_of(Customer)} t
        WHERE t.missing_since_id IS NULL AND (
            (t.run_id = {int(run.pk)} AND NOT EXISTS (SELECT 1 FROM {CHANGE} c WHERE {entry}))
            OR EXISTS (SELECT 1 FROM {CHANGE} c WHERE {entry} AND c.before IS NULL))
        ORDER BY t.id"""
    )


def _with_same_identity(new: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Yield the key of a new customer with that of each missing one who has its mailbox and organisation."""
    if not new:
        return
    missing: dict[tuple[str, str], list[str]] = defaultdict(list)
    joined = KeyChange.objects.filter(state=State.JOINED).values("former")
    customers = Customer.objects.exclude(missing_since=None).exclude(pk__in=joined).order_by("pk")
    for key, email, organization in customers.values_list("pk", "email", "organization").iterator():
        missing[_identity(email, organization)].append(key)
    for key, email, organization in new:
        yield from ((key, former) for former in missing.get(_identity(email, organization), ()))


def _warn_of_returned(run: ImportRun) -> None:
    """Warn of a former key that is in the feed again beside the key to which it was joined."""
    back = KeyChange.objects.filter(state=State.JOINED, former__missing_since=None).order_by("pk")
    texts = (
        english(f"customer {pair.former_id} is in the feed, but was said to go on as customer {pair.customer_id}")
        for pair in back
    )
    _warn(run, texts, len(back))


def _moved(feed: Feed, run: ImportRun) -> list[KeyChange]:
    """Note customers who are there and got rows of a missing customer by this run."""
    before, after = json_field("c.before", "customer_id"), json_field("c.after", "customer_id")
    rows = fetch(
        f"""
        SELECT n.id, o.id, COUNT(*) FROM {CHANGE} c
        JOIN {table_of(Customer)} o ON o.id = {before} JOIN {table_of(Customer)} n ON n.id = {after}
        WHERE c.run_id = {int(run.pk)} AND c.model = '{journal_name(feed.model)}' AND {before} <> {after}
            AND o.missing_since_id IS NOT NULL AND n.missing_since_id IS NULL
        GROUP BY n.id, o.id ORDER BY n.id, o.id"""
    )
    pairs = _note(run, [(key, former) for key, former, _count in rows])
    for key, former, count in rows:
        KeyChange.objects.filter(customer=key, former=former).update(moved_rows=F("moved_rows") + count)
    _warn(
        run,
        (
            english(
                f"{count} {'rows' if count > 1 else 'row'} moved from customer {former}, who is missing from "
                f"customers.csv, to customer {key}: a key seems to have changed"
            )
            for key, former, count in rows
        ),
        len(rows),
    )
    return pairs


def _identity(email: str, organization: str) -> tuple[str, str]:
    return mailbox(email), " ".join(unicodedata.normalize("NFKC", organization).casefold().split())


def _note(run: ImportRun, keys: list[tuple[str, str]], *, same_address: bool = False) -> list[KeyChange]:
    """Keep pairs of keys, new and former; return those that nobody knew of."""
    known = set(
        KeyChange.objects.filter(customer__in=[key for key, _former in keys]).values_list("customer_id", "former_id")
    )
    pairs = [
        KeyChange(customer_id=key, former_id=former, run=run, same_address=same_address)
        for key, former in keys
        if (key, former) not in known
    ]
    KeyChange.objects.bulk_create(pairs, batch_size=BATCH_SIZE)
    return pairs


def _warn(run: ImportRun, texts: Iterable[str], count: int) -> None:
    some = list(islice(texts, NAMED))
    run.warnings += some
    if count > len(some):
        run.warnings.append(english(f"and {count - len(some)} more of these, all under Key changes in the admin"))
