"""Publish a draft from a date on, withdraw what has scored nothing, and end a policy for a segment.

A publishing and the mark on the dates that it scores again are one transaction. So whatever happens then, those dates
say that they are stale, and the next scoring mends them.
"""

from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from analytics.models import PortfolioDay, ScoringPolicy
from analytics.scoring.policies import Policies, is_in_use, overlaps
from customers.audit import trail
from customers.text.say import english, in_english, say
from customers.text.written import day as written_day

State = ScoringPolicy.State


class Refused(Exception):
    """A policy cannot be published, withdrawn or ended; the message says why."""


def replaced_by(draft: ScoringPolicy, first: date) -> ScoringPolicy | None:
    """Return the policy in whose place a draft would be from ``first`` on: its segment's, or that for everybody."""
    try:
        return Policies.on(first).replaced_by(draft)
    except ScoringPolicy.DoesNotExist:
        return None


def followed_by(draft: ScoringPolicy, first: date) -> ScoringPolicy | None:
    """Return the policy for the same customers that takes over from a draft in force from ``first`` on, if any."""
    later = ScoringPolicy.objects.published().filter(effective_from__gt=first).order_by("effective_from")
    return next((one for one in later if one.segment == draft.segment), None)


def dates_to_score_again(draft: ScoringPolicy, first: date) -> list[date]:
    """Return the scored dates that a draft in force from ``first`` on would score, oldest first."""
    scored, following = PortfolioDay.objects.filter(date__gte=first), followed_by(draft, first)
    if following and following.effective_from:
        scored = scored.filter(date__lt=following.effective_from)
    return list(scored.order_by("date").values_list("date", flat=True))


def why_not(draft: ScoringPolicy, first: date) -> list[str]:
    """Say why a draft cannot be published from ``first`` on; empty where it can be."""
    if not draft.is_draft:
        return [say("“{policy}” is already published.", policy=draft.name)]
    try:
        draft.full_clean()
    except ValidationError as error:
        return error.messages
    if draft.is_for_segment and replaced_by(draft, first) is None:
        return [say("No policy for everybody is in force on {day}: choose a later date.", day=first)]
    return overlaps(draft, first) or _why_in_vain(draft, first)


def _why_in_vain(draft: ScoringPolicy, first: date) -> list[str]:
    """Say that a newer policy has scored all dates from ``first`` on already, where it has."""
    following, newest = followed_by(draft, first), PortfolioDay.objects.newest()
    if not (following and following.effective_from and newest and following.effective_from <= newest.date):
        return []
    if dates_to_score_again(draft, first):
        return []
    return [
        say(
            "It would score no date: “{policy}” takes over on {day}, and nothing before that is scored. Choose {day} "
            "or later.",
            policy=following.name,
            day=following.effective_from,
        )
    ]


def publish(draft: ScoringPolicy, first: date, note: str, by: str) -> list[date]:
    """Put a draft into force from ``first`` on, and return the scored dates that are now to be scored again.

    Whoever calls it holds the lock of scorings. Raises ``Refused``, also where the stored draft is another one by now.
    """
    with transaction.atomic():
        policy = _locked(draft)
        if policy.content != draft.content:
            raise Refused(gettext("Somebody has just changed this draft. Look at it again."))
        if problems := why_not(policy, first):
            raise Refused(" ".join(problems))
        if not note.strip():
            raise Refused(gettext("Say why you publish it."))
        before = replaced_by(policy, first)
        policy.state, policy.effective_from, policy.note = State.PUBLISHED, first, note.strip()
        policy.published_by, policy.published_at = by, timezone.now()
        policy.save()
        _record_numbers(policy, before)
        again = dates_to_score_again(policy, first)
        PortfolioDay.objects.filter(date__in=again).update(stale=True)
    return again


def why_not_withdrawn(policy: ScoringPolicy) -> str:
    """Say why a policy cannot be made a draft again; '' where it can be."""
    if policy.is_draft or not policy.effective_from:
        return say("“{policy}” is a draft.", policy=policy.name)
    if is_in_use(policy):
        return say(
            "“{policy}” has scored dates, so it stays as it is. Publish another one in its place.", policy=policy.name
        )
    others = ScoringPolicy.objects.published().for_everybody().exclude(pk=policy.pk)
    if not policy.is_for_segment and not others.filter(effective_from__lte=policy.effective_from).exists():
        return gettext("A policy for everybody must always be in force, and there is no other one.")
    return ""


def withdraw(policy: ScoringPolicy) -> None:
    """Make a published policy that has scored nothing a draft again. Raises ``Refused``."""
    with transaction.atomic():
        policy = _locked(policy)
        if problem := why_not_withdrawn(policy):
            raise Refused(problem)
        policy.state, policy.effective_from, policy.effective_until = State.DRAFT, None, None
        policy.published_by, policy.published_at = "", None
        policy.save()


def earliest_end(policy: ScoringPolicy) -> date | None:
    """Return the first date on which a policy may end: its newest scored one; None where it cannot end."""
    if not policy.is_for_segment or policy.is_draft or policy.effective_until or not policy.effective_from:
        return None
    newest = PortfolioDay.objects.newest()
    return max(policy.effective_from, newest.date) if newest else policy.effective_from


def end(policy: ScoringPolicy, last: date) -> None:
    """Let a policy for a segment score ``last`` as its last date; who was its own is everybody's then.

    Raises ``Refused``.
    """
    with transaction.atomic():
        policy = _locked(policy)
        earliest = earliest_end(policy)
        if earliest is None:
            raise Refused(
                say(
                    "“{policy}” cannot end: only a published policy for a segment can, and only once.",
                    policy=policy.name,
                )
            )
        if last < earliest:
            raise Refused(say("What is scored stays as it is: choose {day} or later.", day=earliest))
        policy.effective_until = last
        policy.save()


def _locked(policy: ScoringPolicy) -> ScoringPolicy:
    """Return a policy as it is stored now, while nobody else publishes, withdraws or ends any."""
    every = ScoringPolicy.objects.select_for_update().order_by("pk")
    found = next((one for one in every if one.pk == policy.pk), None)
    if found is None:
        raise Refused(say("“{policy}” is no longer there: somebody deleted it.", policy=policy.name))
    return found


def _record_numbers(policy: ScoringPolicy, before: ScoringPolicy | None) -> None:
    """Note in the audit what the numbers were until then, and are from then on."""
    was = before.numbers if before else {}
    changes = {
        trail.field_label(trail.field_of(ScoringPolicy, name)): (_audited(was.get(name)), _audited(number))
        for name, number in policy.numbers.items()
        if was.get(name) != number
    }
    same = bool(before) and len(changes) < len(policy.numbers)
    with in_english():
        place = english(f"in place of {before} ({before.for_whom})") if before else english("as the first one")
        since = written_day(policy.effective_from) if policy.effective_from else ""
        rest = english("; all other numbers stay the same") if same else ""
        said = english(f"Published from {since} for: {policy.for_whom}, {place}{rest}")
        trail.record(trail.Action.CHANGE, policy, changes=changes, detail=said)


def _audited(number: object) -> int | str | None:
    return number if isinstance(number, int | None) else f"{number}"
