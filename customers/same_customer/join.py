"""Join two customers of whom one vanished from the feed: what staff keep moves to the new key. Part them again.

The feeds' own rows stay where their files put them. Other apps move their rows by the signals ``customers_joined``
and ``customers_parted``.
"""

from dataclasses import dataclass
from typing import Any, TypedDict

from django.db import transaction
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from customers.audit import trail
from customers.core.signals import customers_joined, customers_parted
from customers.jobs.lock import job_lock
from customers.models import Customer, CustomerCare, KeyChange, Note, StepSighting
from customers.text import written
from customers.text.languages import language_name
from customers.text.say import Words, english, in_english, say, say_later, say_n

State = KeyChange.State
NOTES, SIGHTINGS = gettext_noop("notes"), gettext_noop("dated steps")
_CARE = ("owner_id", "notes", "do_not_contact", "do_not_sync", "language")
_WORDS = {
    "owner_id": gettext_lazy("Owner"),
    "notes": gettext_lazy("Internal notes"),
    "do_not_contact": gettext_lazy("“Do not contact”"),
    "do_not_sync": gettext_lazy("“Do not sync”"),
    "language": gettext_lazy("Language of emails"),
}
_SWITCHES = ("do_not_contact", "do_not_sync")
_SIGHTING = ("step", "seen_on", "at_first_import", "run_id")


class Carried(TypedDict, total=False):
    """What was moved to the new key, as the pair keeps it to move it back."""

    rows: dict[str, list[int]]
    stays: list[str]
    care: dict[str, list[dict[str, object] | None]]
    care_said: dict[str, str | int]
    replaced: list[dict[str, object]]


class NotJoinable(Exception):
    """Two customers cannot be joined, or parted; the message says why."""


@dataclass(frozen=True)
class Parted:
    """A pair that was parted, and in words what could not be moved back."""

    pair: KeyChange
    left: list[Words]


def why_not_joined(pair: KeyChange) -> str:
    """Return why the pair cannot be joined; '' where it can."""
    if pair.state == State.JOINED:
        return say("{former} is joined to {key} already.", former=pair.former_id, key=pair.customer_id)
    if pair.former.missing_since_id is None:
        return say("{key} is in the feed again, so these are two customers.", key=pair.former_id)
    if pair.customer.missing_since_id is not None:
        return say("{key} is missing from the feed, too.", key=pair.customer_id)
    if other := KeyChange.objects.filter(former=pair.former, state=State.JOINED).first():
        return say("{former} is joined to {key} already.", former=pair.former_id, key=other.customer_id)
    return ""


def why_not_parted(pair: KeyChange) -> str:
    """Return why the pair cannot be parted; '' where it can."""
    if pair.state != State.JOINED:
        return gettext("They are not joined.")
    if later := KeyChange.objects.filter(former=pair.customer, state=State.JOINED).first():
        former, key = pair.customer_id, later.customer_id
        return say("{former} itself was joined to {key} since: undo that first.", former=former, key=key)
    return ""


def join(pk: int, actor: str) -> KeyChange:
    """Move everything to the new key, once; leave a pair alone that is joined already.

    Raises ``NotJoinable``, and ``LockHeld`` while an import or a scoring runs.
    """
    with job_lock("import"), transaction.atomic():
        pair = _find(pk)
        if pair.state != State.JOINED:
            _refuse(pair)
            with in_english():
                _join(pair, actor)
                _record(pair, actor, english(f"The same customer: {carried_summary(pair.carried)}"))
    return pair


def preview_join(pk: int) -> Carried:
    """Return what ``join`` would move: join, and roll back. Raises the same errors."""
    with job_lock("import"), transaction.atomic():
        pair = _find(pk)
        _refuse(pair)
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
            raise NotJoinable(gettext("They are joined: undo that first."))
        if pair.state != State.APART:
            _decide(pair, State.APART, actor)
            _record(pair, actor, english("Two customers"))
    return pair


def part(pk: int, actor: str) -> Parted:
    """Move back what ``join`` moved; what has changed since stays, and is named.

    Raises ``NotJoinable``, and ``LockHeld`` while an import or a scoring runs.
    """
    with job_lock("import"), transaction.atomic():
        pair = _find(pk)
        if reason := why_not_parted(pair):
            raise NotJoinable(reason)
        left: list[Words] = [*_part_care(pair), *_part_rows(pair)]
        for _receiver, stayed in customers_parted.send(sender=Customer, pair=pair):
            left += stayed or []
        pair.carried = {}
        _decide(pair, State.OPEN, actor)
        with in_english():
            _record(pair, actor, "\n".join([english("No longer the same customer"), *map(str, left)]))
    return Parted(pair, left)


def carried_summary(carried: Carried) -> str:
    """Return in words what was moved."""
    return ", ".join(f"{words}: {number}" for words, number in carried_counts(carried).items()) or gettext("nothing")


def carried_counts(carried: Carried) -> dict[str, str]:
    """Return how much was moved, or would be, by kind."""
    care = {str(_WORDS[name]): _said(name, value) for name, value in carried.get("care_said", {}).items()}
    moved = ((kind, len(keys)) for kind, keys in carried.get("rows", {}).items() if keys)
    rows = {capfirst(gettext(kind)): written.number(number) for kind, number in moved}
    return {**care, **rows}


def _said(name: str, value: str | int) -> str:
    """Return what is said of a switch, a text's length, a language or an owner; older pairs have all in words."""
    if name == "language":
        return language_name(str(value))
    if value is True:
        return gettext("yes")
    if isinstance(value, int):
        return say_n("{number} character", "{number} characters", value)
    return value


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


def _refuse(pair: KeyChange) -> None:
    if reason := why_not_joined(pair):
        raise NotJoinable(reason)


def _join(pair: KeyChange, actor: str) -> None:
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
    """Move the owner and the language where there is none, the notes behind others, and the switches always."""
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
            say(
                "The owner stays {owner}; {other} had customer {key}",
                owner=ours.owner_name,
                other=theirs.owner_name,
                key=pair.former_id,
            )
        )
    if theirs.notes and theirs.notes != ours.notes:
        ours.notes = "\n\n".join(filter(None, [ours.notes, theirs.notes]))
        said["notes"] = len(theirs.notes)
    if theirs.language and not ours.language:
        ours.language = said["language"] = theirs.language
    for name in filter(theirs.__dict__.get, _SWITCHES):
        setattr(ours, name, True)
        said[name] = True
    # They stay with the former key, too: its address may be somebody's still, and so its record in a CRM.
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


def _part_care(pair: KeyChange) -> list[Words]:
    care_values = pair.carried.get("care")
    if not care_values:
        return []
    left: list[Words] = []
    for customer, before, after in zip(
        (pair.former, pair.customer), care_values["before"], care_values["after"], strict=True
    ):
        care = CustomerCare.objects.select_for_update(of=("self",)).filter(customer=customer).first()
        if care is None:
            care = CustomerCare(customer=customer)
        wanted = before or {"owner_id": None, "notes": "", "language": "", **dict.fromkeys(_SWITCHES, False)}
        # A pair that was joined by an earlier version has fewer.
        for name in after:
            if getattr(care, name) == after[name]:
                setattr(care, name, wanted[name])
            elif getattr(care, name) != wanted[name]:
                said = {"what": _WORDS[name], "key": customer.pk}
                left.append(say_later("{what} of customer {key}: changed since, and stays", **said))
        if before is None and _values(care) == wanted:
            if not care._state.adding:
                care.delete()
        else:
            care.save()
    return left


def _part_rows(pair: KeyChange) -> list[Words]:
    left: list[Words] = []
    for kind, model in ((NOTES, Note), (SIGHTINGS, StepSighting)):
        keys = pair.carried["rows"].get(kind, [])
        back = model.objects.filter(pk__in=keys, customer=pair.customer).update(customer=pair.former)
        if back < len(keys):
            left.append(
                say_later(
                    "{lost} of {number} {kind} are no longer there",
                    lost=len(keys) - back,
                    number=len(keys),
                    kind=gettext_lazy(kind),
                )
            )
    steps = set(StepSighting.objects.filter(customer=pair.customer).values_list("step", flat=True))
    StepSighting.objects.bulk_create(
        StepSighting(customer=pair.customer, **row)
        for row in pair.carried.get("replaced", [])
        if row["step"] not in steps
    )
    return left
