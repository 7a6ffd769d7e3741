"""A push on its way: each row is marked before it is sent, and its result recorded with what is there by then."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from django.db import transaction
from django.db.models import F

from analytics.crm.interface import Crm, CrmRow, RowOutcome, RowResult
from analytics.crm.values import Fields
from analytics.models import Push, PushedCustomer, PushRow
from customers.core.limits import BATCH_SIZE, batches
from customers.models import Customer
from customers.text.say import english

State = PushRow.State
_STATES = {
    RowOutcome.CREATED: State.CREATED,
    RowOutcome.UPDATED: State.UPDATED,
    RowOutcome.REFUSED: State.REFUSED,
}
MOST_WORDS = 1_000
PERHAPS_SENT = english("It was on its way before it was held back, and has perhaps arrived.")


class JobOf:
    """What an adapter keeps with a push."""

    def __init__(self, push: Push) -> None:
        self._push = push

    def read(self) -> Mapping[str, object]:
        """Return what was saved last."""
        return dict(self._push.job)

    def save(self, state: Mapping[str, object]) -> None:
        """Store the state at once."""
        self._push.job = dict(state)
        Push.objects.filter(pk=self._push.pk).update(job=self._push.job)


class Sending:
    """One way through the rows of a push that have no result yet."""

    def __init__(self, push: Push, crm: Crm) -> None:
        self._push, self._crm = push, crm
        self._fields = Fields(push.destination)
        self._on_the_way: dict[str, PushRow] = {}
        self._results: list[RowResult] = []

    def run(self, is_over: Callable[[], bool]) -> None:
        """Send the rows, until it ``is_over``; whatever ends it, every result that came is recorded."""
        try:
            for result in self._crm.push(self._rows(is_over), JobOf(self._push)):
                self._results.append(result)
                if self._crm.record_every and len(self._results) >= self._crm.record_every:
                    self._record()
        finally:
            self._record()

    # --- Before -------------------------------------------------------------------------------------------------

    def _rows(self, is_over: Callable[[], bool]) -> Iterator[CrmRow]:
        """Yield first the rows of which nobody knows whether they arrived, then those that wait."""
        rows = self._push.rows
        again = list(rows.filter(state=State.SENDING).order_by("pk").values_list("pk", flat=True))
        for keys in batches(again):
            yield from self._claimed(keys, resolve=False)
        while not is_over():
            keys = list(rows.filter(state=State.WAITING).order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])
            if not keys:
                return
            yield from self._claimed(keys, resolve=not self._push.undoes_id)

    def _claimed(self, keys: Sequence[int], *, resolve: bool) -> Iterator[CrmRow]:
        """Mark rows as on their way, and yield them; hold back who is not to be synced by now."""
        rows = list(self._push.rows.filter(pk__in=keys).select_related("customer__care").order_by("pk"))
        held = [row for row in rows if getattr(row.customer, "care", None) and row.customer.care.do_not_sync]
        sent = [row for row in rows if row not in held]
        if resolve:
            self._resolve(sent)
        same = [row for row in sent if all(value is None for value in row.after.values())]
        sent = [row for row in sent if row not in same]
        with transaction.atomic():
            self._end(held, State.HELD_BACK, "not_synced")
            if not resolve:
                self._doubt([row for row in held if row.state == State.SENDING])
            self._end(same, State.UNCHANGED, "unchanged")
            self._remember(same)
            there = set(self._push.rows.filter(pk__in=[row.pk for row in sent]).values_list("pk", flat=True))
            for row in sent:
                row.state = State.SENDING
            PushRow.objects.bulk_update(sent, ["state", "after"])
        for row in sent:
            if row.pk in there:
                self._on_the_way[row.customer_id] = row
                values = {name: value for name, value in row.after.items() if value is not None}
                yield CrmRow(row.customer_id, row.customer_id, values)

    def _resolve(self, rows: Sequence[PushRow]) -> None:
        """Leave fields as they are that are filled but once, where the CRM has them, or has the customer, already."""
        asked = [row for row in rows if self._fields.filled & row.after.keys()]
        if not asked:
            return
        there = self._crm.read([row.customer_id for row in asked], sorted(self._fields.filled))
        for row in asked:
            has = there.get(row.customer_id)
            for name in self._fields.filled & row.after.keys():
                if has is not None and (name in self._fields.filled_new or has.get(name)):
                    row.after[name] = None

    def _doubt(self, rows: Sequence[PushRow]) -> None:
        """Note of rows that were on their way before they were held back that nobody knows what is there."""
        self._push.rows.filter(pk__in=[row.pk for row in rows]).update(words=PERHAPS_SENT)
        theirs = PushedCustomer.objects.filter(destination=self._push.destination)
        theirs.filter(customer__in=[row.customer_id for row in rows]).update(content_hash="")

    def _end(self, rows: Sequence[PushRow], state: PushRow.State, count: str) -> None:
        """Record rows that are not sent after all."""
        ended = self._push.rows.filter(pk__in=[row.pk for row in rows]).update(state=state) if rows else 0
        self._count(**{count: ended})

    # --- Afterwards ---------------------------------------------------------------------------------------------

    def _record(self) -> None:
        """Record the results that came: with the rows, what is there, and the counts."""
        results, self._results = self._results, []
        known = [(self._on_the_way.pop(one.key, None), one) for one in results]
        ended = [(row, one) for row, one in known if row is not None and one.outcome in _STATES]
        if not ended:
            return
        for row, one in ended:
            row.state, row.words = _STATES[one.outcome], one.words[:MOST_WORDS]
        rows = [row for row, _one in ended]
        arrived = [row for row in rows if row.state in PushRow.ARRIVED]
        with transaction.atomic():
            for some in batches(rows):
                PushRow.objects.bulk_update(some, ["state", "words"])
            self._remember(arrived)
            new = sum(row.kind == PushRow.Kind.NEW for row in arrived)
            self._count(new=new, changed=len(arrived) - new, refused=len(rows) - len(arrived))

    def _remember(self, rows: Sequence[PushRow]) -> None:
        """Store what the destination has of customers by now, unless one was erased meanwhile."""
        for some in batches(rows):
            keys = [row.customer_id for row in some]
            theirs = Customer.objects.filter(pk__in=keys).select_for_update(no_key=True).order_by()
            still = set(theirs.values_list("pk", flat=True))
            known = {
                one.customer_id: one
                for one in PushedCustomer.objects.filter(destination=self._push.destination, customer__in=still)
            }
            PushedCustomer.objects.bulk_create(
                [self._pushed(row, known.get(row.customer_id)) for row in some if row.customer_id in still],
                update_conflicts=True,
                unique_fields=["destination", "customer"],
                update_fields=["push", "values", "content_hash", "filled"],
            )

    def _pushed(self, row: PushRow, known: PushedCustomer | None) -> PushedCustomer:
        sent = {name: value for name, value in row.after.items() if value is not None}
        values = {**(known.values if known else {}), **sent}
        filled, touched = set(known.filled if known else ()), self._fields.filled & row.after.keys()
        return PushedCustomer(
            destination=self._push.destination,
            customer_id=row.customer_id,
            push=self._push,
            values=values,
            content_hash=self._fields.content_hash(values),
            filled=sorted(filled - touched if self._push.undoes_id else filled | touched),
        )

    def _count(self, **numbers: int) -> None:
        changed = {name: F(name) + number for name, number in numbers.items() if number}
        if changed:
            Push.objects.filter(pk=self._push.pk).update(**changed)
