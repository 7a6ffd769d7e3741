"""Says that two customers are the same, of whom one vanished: what staff keep goes over to the new key, and back.

The feeds' own rows stay where their files put them. Whoever keeps rows of customers elsewhere hears
``customers_joined`` and ``customers_parted``, and does the like.
"""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from customers.audit import trail
from customers.core.signals import customers_joined, customers_parted
from customers.jobs.lock import job_lock
from customers.models import Customer, CustomerCare, Note, StepSighting
from customers.models.key_change import KeyChange

State = KeyChange.State
NOTES, SIGHTINGS, REPLACED = "notes", "dated steps", "replaced"
_CARE = ("owner_id", "notes", "do_not_contact")
_WORDS = {"owner_id": "Owner", "notes": "Internal notes", "do_not_contact": "“Do not contact”"}
_SIGHTING = ("step", "seen_on", "at_first_import", "run_id")

Carried = dict[str, Any]


class NotJoinable(Exception):
    """Two customers cannot be joined, or parted; the message says why."""


@dataclass(frozen=True)
class Parted:
    """What became of an undo: the pair, and what could not be put back, in words."""

    pair: KeyChange
    left: list[str]


def why_not(pair: KeyChange) -> str:
    """Why the pair cannot be joined; '' where it can."""
    if pair.state == State.JOINED:
        return f"{pair.former_id} is joined to {pair.customer_id} already."
    if pair.former.missing_since_id is None:
        return f"{pair.former_id} is in the feed again, so these are two customers."
    if pair.customer.missing_since_id is not None:
        return f"{pair.customer_id} is missing from the feed, too."
    if other := KeyChange.objects.filter(former=pair.former, state=State.JOINED).first():
        return f"{pair.former_id} is joined to {other.customer_id} already."
    return ""


def why_not_undone(pair: KeyChange) -> str:
    """Why what was joined cannot be parted; '' where it can."""
    if pair.state != State.JOINED:
        return "They are not joined."
    if later := KeyChange.objects.filter(former=pair.customer, state=State.JOINED).first():
        return f"{pair.customer_id} itself was joined to {later.customer_id} since: undo that first."
    return ""


def join(pk: int, actor: str) -> KeyChange:
    """Carry everything over to the new key, once; a pair that is joined already stays as it is.

    Raises ``NotJoinable``, and ``LockHeld`` while an import or a scoring runs.
    """
    with job_lock("import"), transaction.atomic():
        pair = _find(pk)
        if pair.state != State.JOINED:
            _join(pair, actor)
            _record(pair, actor, f"The same customer: {in_words(pair.carried)}")
    return pair


def preview(pk: int) -> Carried:
    """What ``join`` would carry over: it is done and taken back. Raises the same errors."""
    with job_lock("import"), transaction.atomic():
        pair = _find(pk)
        with trail.muted():
            _join(pair, "")
        transaction.set_rollback(True)
    return pair.carried


def set_apart(pk: int, actor: str) -> KeyChange:
    """Note that these are two customers; nothing moves. Raises ``NotJoinable`` and ``LockHeld``."""
    with job_lock("import"), transaction.atomic():
        pair = _find(pk)
        if pair.state == State.JOINED:
            raise NotJoinable("They are joined: undo that first.")
        if pair.state != State.APART:
            _decide(pair, State.APART, actor)
            _record(pair, actor, "Two customers")
    return pair


def part(pk: int, actor: str) -> Parted:
    """Take back what ``join`` carried over; what has changed since stays, and is named.

    Raises ``NotJoinable``, and ``LockHeld`` while an import or a scoring runs.
    """
    with job_lock("import"), transaction.atomic():
        pair = _find(pk)
        if reason := why_not_undone(pair):
            raise NotJoinable(reason)
        left = [*_part_care(pair), *_part_rows(pair)]
        for _listener, said in customers_parted.send(sender=Customer, pair=pair):
            left += said or []
        pair.carried = {}
        _decide(pair, State.OPEN, actor)
        _record(pair, actor, "\n".join(["No longer the same customer", *left]))
    return Parted(pair, left)


def in_words(carried: Carried) -> str:
    """What went over."""
    return ", ".join(f"{words}: {number}" for words, number in listed(carried).items()) or "nothing"


def listed(carried: Carried) -> dict[str, str]:
    """What went over, or would: by kind, how much."""
    care = {_WORDS[name]: said for name, said in carried.get("care_said", {}).items()}
    rows = {kind.capitalize(): f"{len(keys):,}" for kind, keys in carried.get("rows", {}).items() if keys}
    return {**care, **rows}


def _find(pk: int) -> KeyChange:
    return KeyChange.objects.select_for_update(of=("self",)).select_related("customer", "former").get(pk=pk)


def _decide(pair: KeyChange, state: str, actor: str) -> None:
    pair.state, pair.decided_by, pair.decided_at = state, actor, timezone.now()
    pair.save(update_fields=["state", "decided_by", "decided_at", "carried"])


def _record(pair: KeyChange, actor: str, detail: str) -> None:
    """An entry in the audit of either customer."""
    trail.record_all(
        trail.entry(trail.Action.CHANGE, pair, actor=actor, customer=key, detail=detail)
        for key in (pair.former_id, pair.customer_id)
    )


# --- There --------------------------------------------------------------------------------------------------------


def _join(pair: KeyChange, actor: str) -> None:
    if reason := why_not(pair):
        raise NotJoinable(reason)
    carried: Carried = {"rows": {}, "stays": []}
    _join_care(pair, carried)
    notes = Note.objects.filter(customer=pair.former)
    carried["rows"][NOTES] = sorted(notes.values_list("pk", flat=True))
    notes.update(customer=pair.customer)
    _join_sightings(pair, carried)
    for _listener, said in customers_joined.send(sender=Customer, pair=pair):
        carried["rows"] |= said["rows"]
        carried["stays"] += said["stays"]
    pair.carried = carried
    _decide(pair, State.JOINED, actor)


def _image(care: CustomerCare | None) -> dict[str, Any] | None:
    return {name: getattr(care, name) for name in _CARE} if care else None


def _join_care(pair: KeyChange, carried: Carried) -> None:
    """The owner goes over where there is none, the notes behind those that are there, “do not contact” in any case."""
    theirs = CustomerCare.objects.select_for_update(of=("self",)).filter(customer=pair.former).first()
    ours = CustomerCare.objects.select_for_update(of=("self",)).filter(customer=pair.customer).first()
    if theirs is None or not (theirs.owner_id or theirs.notes or theirs.do_not_contact):
        return
    carried["care"] = {"before": [_image(theirs), _image(ours)]}
    said = carried["care_said"] = {}
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
    if theirs.do_not_contact:
        ours.do_not_contact, said["do_not_contact"] = True, "yes"
    # “Do not contact” stays with the former key, too: its address may be somebody's still.
    theirs.owner_id, theirs.notes = None, ""
    for care in (ours, theirs):
        care.save()
    carried["care"]["after"] = [_image(theirs), _image(ours)]


def _join_sightings(pair: KeyChange, carried: Carried) -> None:
    """Steps keep the date on which they were first seen; the new key's own sightings of them were of the change."""
    theirs = StepSighting.objects.filter(customer=pair.former)
    again = StepSighting.objects.filter(customer=pair.customer, step__in=theirs.values("step"))
    carried[REPLACED] = [
        {**row, "seen_on": row["seen_on"] and row["seen_on"].isoformat()} for row in again.values(*_SIGHTING)
    ]
    again.delete()
    carried["rows"][SIGHTINGS] = sorted(theirs.values_list("pk", flat=True))
    theirs.update(customer=pair.customer)


# --- And back -----------------------------------------------------------------------------------------------------


def _part_care(pair: KeyChange) -> list[str]:
    images = pair.carried.get("care")
    if not images:
        return []
    left = []
    for customer, before, after in zip((pair.former, pair.customer), images["before"], images["after"], strict=True):
        care = CustomerCare.objects.select_for_update(of=("self",)).filter(customer=customer).first()
        if care is None:
            care = CustomerCare(customer=customer)
        wanted = before or {"owner_id": None, "notes": "", "do_not_contact": False}
        for name in _CARE:
            if getattr(care, name) == after[name]:
                setattr(care, name, wanted[name])
            elif getattr(care, name) != wanted[name]:
                left.append(f"{_WORDS[name]} of customer {customer.pk}: changed since, and stays")
        if before is None and _image(care) == wanted:
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
        for row in pair.carried.get(REPLACED, [])
        if row["step"] not in steps
    )
    return left
