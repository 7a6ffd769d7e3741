"""Join two customers of whom one vanished from the feed: what staff keep moves to the new key. Part them again.

The feeds' own rows stay where their files put them. Other apps move their rows by the signals ``customers_joined``
and ``customers_parted``.
"""

from dataclasses import dataclass
from typing import Any, TypedDict

from django.db import transaction
from django.utils import timezone

from customers.audit import trail
from customers.core.signals import customers_joined, customers_parted
from customers.jobs.lock import job_lock
from customers.models import Customer, CustomerCare, KeyChange, Note, StepSighting

State = KeyChange.State
NOTES, SIGHTINGS = "notes", "dated steps"
_CARE = ("owner_id", "notes", "do_not_contact", "do_not_sync")
_WORDS = {
    "owner_id": "Owner",
    "notes": "Internal notes",
    "do_not_contact": "“Do not contact”",
    "do_not_sync": "“Do not sync”",
}
_SWITCHES = ("do_not_contact", "do_not_sync")
_SIGHTING = ("step", "seen_on", "at_first_import", "run_id")


class Carried(TypedDict, total=False):
    """What was moved to the new key, as the pair keeps it to move it back."""

    rows: dict[str, list[int]]
    stays: list[str]
    care: dict[str, list[dict[str, object] | None]]
    care_said: dict[str, str]
    replaced: list[dict[str, object]]


class NotJoinable(Exception):
    """Two customers cannot be joined, or parted; the message says why."""


@dataclass(frozen=True)
class Parted:
    """A pair that was parted, and in words what could not be moved back."""

    pair: KeyChange
    left: list[str]


def why_not_joined(pair: KeyChange) -> str:
    """Return why the pair cannot be joined; '' where it can."""
    if pair.state == State.JOINED:
        return f"{pair.former_id} is joined to {pair.customer_id} already."
    if pair.former.missing_since_id is None:
        return f"{pair.former_id} is in the feed again, so these are two customers."
    if pair.customer.missing_since_id is not None:
        return f"{pair.customer_id} is missing from the feed, too."
    if other := KeyChange.objects.filter(former=pair.former, state=State.JOINED).first():
        return f"{pair.former_id} is joined to {other.customer_id} already."
    return ""


def why_not_parted(pair: KeyChange) -> str:
    """Return why the pair cannot be parted; '' where it can."""
    if pair.state != State.JOINED:
        return "They are not joined."
    if later := KeyChange.objects.filter(former=pair.customer, state=State.JOINED).first():
        return f"{pair.customer_id} itself was joined to {later.customer_id} since: undo that first."
    return ""


def join(pk: int, actor: str) -> KeyChange:
    """Move everything to the new key, once; leave a pair alone that is joined already.

    Raises ``NotJoinable``, and ``LockHeld`` while an import or a scoring runs.
    """
    with job_lock("import"), transaction.atomic():
        pair = _find(pk)
        if pair.state != State.JOINED:
            _join(pair, actor)
            _record(pair, actor, f"The same customer: {carried_summary(pair.carried)}")
    return pair


def preview_join(pk: int) -> Carried:
    """Return what ``join`` would move: join, and roll back. Raises the same errors."""
    with job_lock("import"), transaction.atomic():
        pair = _find(pk)
        with trail.suspended():
            _join(pair, "")
        transaction.set_rollback(True)
    carried: Carried = pair.carried
    return carried


def set_apart(pk: int, actor: str) -> KeyChange:
    """Record that these are two customers; nothing moves. Raises ``NotJoinable`` and ``LockHeld``."""
    with job_lock("import"), transaction.atomic():
        pair = _find(pk)
        if pair.state == State.JOINED:
            raise NotJoinable("They are joined: undo that first.")
        if pair.state != State.APART:
            _decide(pair, State.APART, actor)
            _record(pair, actor, "Two customers")
    return pair


def part(pk: int, actor: str) -> Parted:
    """Move back what ``join`` moved; what has changed since stays, and is named.

    Raises ``NotJoinable``, and ``LockHeld`` while an import or a scoring runs.
    """
    with job_lock("import"), transaction.atomic():
        pair = _find(pk)
        if reason := why_not_parted(pair):
            raise NotJoinable(reason)
        left = [*_part_care(pair), *_part_rows(pair)]
        for _receiver, stayed in customers_parted.send(sender=Customer, pair=pair):
            left += stayed or []
        pair.carried = {}
        _decide(pair, State.OPEN, actor)
        _record(pair, actor, "\n".join(["No longer the same customer", *left]))
    return Parted(pair, left)


def carried_summary(carried: Carried) -> str:
    """Return in words what was moved."""
    return ", ".join(f"{words}: {number}" for words, number in carried_counts(carried).items()) or "nothing"


def carried_counts(carried: Carried) -> dict[str, str]:
    """Return how much was moved, or would be, by kind."""
    care = {_WORDS[name]: value for name, value in carried.get("care_said", {}).items()}
    rows = {kind.capitalize(): f"{len(keys):,}" for kind, keys in carried.get("rows", {}).items() if keys}
    return {**care, **rows}


def _find(pk: int) -> KeyChange:
    return KeyChange.objects.select_for_update(of=("self",)).select_related("customer", "former").get(pk=pk)


def _decide(pair: KeyChange, state: str, actor: str) -> None:
    pair.state, pair.decided_by, pair.decided_at = state, actor, timezone.now()
    pair.save(update_fields=["state", "decided_by", "decided_at", "carried"])


def _record(pair: KeyChange, actor: str, detail: str) -> None:
    """Write an entry for either customer into the audit."""
    trail.record_all(
        trail.entry(trail.Action.CHANGE, pair, actor=actor, customer=key, detail=detail)
        for key in (pair.former_id, pair.customer_id)
    )


# --- Join --------------------------------------------------------------------------------------------------------


def _join(pair: KeyChange, actor: str) -> None:
    if reason := why_not_joined(pair):
        raise NotJoinable(reason)
    carried: Carried = {"rows": {}, "stays": []}
    _join_care(pair, carried)
    notes = Note.objects.filter(customer=pair.former)
    carried["rows"][NOTES] = sorted(notes.values_list("pk", flat=True))
    notes.update(customer=pair.customer)
    _join_sightings(pair, carried)
    moved: Any  # The stubs know only texts as what a receiver returns.
    for _receiver, moved in customers_joined.send(sender=Customer, pair=pair):
        carried["rows"] |= moved["rows"]
        carried["stays"] += moved["stays"]
    pair.carried = carried
    _decide(pair, State.JOINED, actor)


def _values(care: CustomerCare | None) -> dict[str, object] | None:
    return {name: getattr(care, name) for name in _CARE} if care else None


def _join_care(pair: KeyChange, carried: Carried) -> None:
    """Move the owner where there is none, the notes behind those that are there, and the switches always."""
    theirs = CustomerCare.objects.select_for_update(of=("self",)).filter(customer=pair.former).first()
    ours = CustomerCare.objects.select_for_update(of=("self",)).filter(customer=pair.customer).first()
    if theirs is None or not any(map(theirs.__dict__.get, _CARE)):
        return
    before, said = [_values(theirs), _values(ours)], carried.setdefault("care_said", {})
    ours = ours or CustomerCare(customer=pair.customer)
    if theirs.owner_id and not ours.owner_id:
        ours.owner_id, said["owner_id"] = theirs.owner_id, theirs.owner_name
    elif theirs.owner_id and theirs.owner_id != ours.owner_id:
        carried["stays"].append(
            f"The owner stays {ours.owner_name}; {theirs.owner_name} had customer {pair.former_id}"
        )
    if theirs.notes and theirs.notes != ours.notes:
        ours.notes = "\n\n".join(filter(None, [ours.notes, theirs.notes]))
        said["notes"] = f"{len(theirs.notes):,} characters"
    for name in filter(theirs.__dict__.get, _SWITCHES):
        setattr(ours, name, True)
        said[name] = "yes"
    # Both stay with the former key, too: its address may be somebody's still, and so its record in a CRM.
    theirs.owner_id, theirs.notes = None, ""
    for care in (ours, theirs):
        care.save()
    carried["care"] = {"before": before, "after": [_values(theirs), _values(ours)]}


def _join_sightings(pair: KeyChange, carried: Carried) -> None:
    """Move the sightings; they replace those of the new key, which only saw the change of keys."""
    theirs = StepSighting.objects.filter(customer=pair.former)
    again = StepSighting.objects.filter(customer=pair.customer, step__in=theirs.values("step"))
    carried["replaced"] = [
        {**row, "seen_on": row["seen_on"] and row["seen_on"].isoformat()} for row in again.values(*_SIGHTING)
    ]
    again.delete()
    carried["rows"][SIGHTINGS] = sorted(theirs.values_list("pk", flat=True))
    theirs.update(customer=pair.customer)


# --- And back -----------------------------------------------------------------------------------------------------


def _part_care(pair: KeyChange) -> list[str]:
    care_values = pair.carried.get("care")
    if not care_values:
        return []
    left = []
    for customer, before, after in zip(
        (pair.former, pair.customer), care_values["before"], care_values["after"], strict=True
    ):
        care = CustomerCare.objects.select_for_update(of=("self",)).filter(customer=customer).first()
        if care is None:
            care = CustomerCare(customer=customer)
        wanted = before or {"owner_id": None, "notes": "", **dict.fromkeys(_SWITCHES, False)}
        # A pair that was joined by an earlier version has fewer.
        for name in after:
            if getattr(care, name) == after[name]:
                setattr(care, name, wanted[name])
            elif getattr(care, name) != wanted[name]:
                left.append(f"{_WORDS[name]} of customer {customer.pk}: changed since, and stays")
        if before is None and _values(care) == wanted:
            if not care._state.adding:
                care.delete()
        else:
            care.save()
    return left


def _part_rows(pair: KeyChange) -> list[str]:
    left = []
    for kind, model in ((NOTES, Note), (SIGHTINGS, StepSighting)):
        keys = pair.carried["rows"].get(kind, [])
        back = model.objects.filter(pk__in=keys, customer=pair.customer).update(customer=pair.former)
        if back < len(keys):
            left.append(f"{len(keys) - back} of {len(keys)} {kind} are no longer there")
    steps = set(StepSighting.objects.filter(customer=pair.customer).values_list("step", flat=True))
    StepSighting.objects.bulk_create(
        StepSighting(customer=pair.customer, **row)
        for row in pair.carried.get("replaced", [])
        if row["step"] not in steps
    )
    return left
