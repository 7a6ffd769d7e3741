"""The rows of the database that the palette finds."""

from django.contrib.auth.models import User
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext

from analytics.models import (
    Board,
    Destination,
    HealthStatus,
    Playbook,
    PortfolioDay,
    Report,
    ScoringPolicy,
    Snapshot,
    Task,
    WebhookEndpoint,
)
from analytics.models.reports import SharedQuerySet
from analytics.page_cache.version import DataVersion
from customers.core.people import name_of
from customers.models import Customer, CustomerCare
from customers.text.fold import fold
from customers.text.say import say
from rsolv_cs.palette.customer_index import CustomerIndex
from rsolv_cs.palette.result import Result, rank

LOOKED_AT = 200
"""Rows of a kind that are compared: more are found by a letter or two, and nobody reads them."""


def customers(version: DataVersion, words: list[str], most: int) -> list[Result]:
    """Return the customers with each word in name, id, email or GitHub name, the best match first."""
    keys = CustomerIndex.current(version).find(words, most)
    rows = Customer.objects.select_related("care__owner").in_bulk(keys)
    found = [rows[key] for key in keys if key in rows]
    statuses = _statuses(keys)
    return [
        Result(
            one.organization,
            reverse("analytics:customer", args=[one.pk]),
            "group",
            _joined(_told_apart(words, one), statuses.get(one.pk, ""), _owner(one)),
        )
        for one in found
    ]


def reports(user: User, words: list[str], most: int) -> list[Result]:
    """Return the reports that a user may see with each word in their names, the best match first."""
    return _shared(Report.objects.visible_to(user), user, words, most, "analytics:report", "summarize")


def boards(user: User, words: list[str], most: int) -> list[Result]:
    """Return the boards that a user may see with each word in their names, the best match first."""
    return _shared(Board.objects.visible_to(user), user, words, most, "analytics:board", "dashboard_customize")


def _shared(
    visible: SharedQuerySet[Report] | SharedQuerySet[Board],
    user: User,
    words: list[str],
    most: int,
    address: str,
    icon: str,
) -> list[Result]:
    found = visible.select_related("owner")
    for word in words:
        found = found.filter(name__finds=word)
    best = sorted(found[:LOOKED_AT], key=lambda one: (rank(words, one.name), fold(one.name), one.pk))
    return [
        Result(
            one.name, reverse(address, args=[one.pk]), icon, "" if one.owner == user else f"by {name_of(one.owner)}"
        )
        for one in best[:most]
    ]


def policies(words: list[str], most: int) -> list[Result]:
    """Return the scoring policies with each word in their names: drafts lead to the lab, and come first of equals."""
    found = ScoringPolicy.objects.all()
    for word in words:
        found = found.filter(name__finds=word)
    best = sorted(found[:LOOKED_AT], key=lambda one: (rank(words, one.name), not one.is_draft, fold(one.name), one.pk))
    return [_of_policy(one) for one in best[:most]]


def playbooks() -> list[Result]:
    """Return the playbooks."""
    found = Playbook.objects.order_by("name")[:LOOKED_AT]
    return [
        Result(one.name, reverse("analytics:playbook", args=[one.pk]), "menu_book", _state(one.active))
        for one in found
    ]


def destinations() -> list[Result]:
    """Return the previews of what would be pushed to the destinations, from which it is pushed."""
    found = Destination.objects.order_by("name")[:LOOKED_AT]
    return [
        Result(
            say("Preview and push: {destination}", destination=one.name),
            reverse("analytics:push-preview", args=[one.pk]),
            "cloud_upload",
            one.get_kind_display(),
        )
        for one in found
    ]


def webhooks() -> list[Result]:
    """Return the webhooks."""
    return [
        Result(
            one.name,
            reverse("admin:analytics_webhookendpoint_change", args=[one.pk]),
            "webhook",
            _state(one.enabled),
        )
        for one in WebhookEndpoint.objects.order_by("name")[:LOOKED_AT]
    ]


def _state(is_on: bool) -> str:
    return gettext("On") if is_on else gettext("Off")


def _of_policy(policy: ScoringPolicy) -> Result:
    if policy.is_draft:
        return Result(policy.name, reverse("analytics:policy-lab", args=[policy.pk]), "science", gettext("Draft"))
    address = reverse("admin:analytics_scoringpolicy_change", args=[policy.pk])
    return Result(policy.name, address, "tune", say("from {period}", period=policy.period))


def open_tasks(words: list[str], most: int) -> list[Result]:
    """Return the open tasks with each word in the title or the customer's name, the best match first."""
    found = Task.objects.open().select_related("customer", "owner")
    for word in words:
        found = found.filter(Q(what__finds=word) | Q(customer__organization__finds=word))
    best = sorted(found[:LOOKED_AT], key=lambda task: (rank(words, task.what), task.due, task.pk))
    return [
        Result(
            task.what,
            reverse("analytics:task", args=[task.pk]),
            "task_alt",
            _joined(task.customer.organization, say("due {day}", day=task.due), task.owner_name),
        )
        for task in best[:most]
    ]


def _joined(*parts: str) -> str:
    return " · ".join(filter(None, parts))


def _told_apart(words: list[str], customer: Customer) -> str:
    """Return what was found where that is not the name; else the id."""
    texts = (customer.pk, customer.email, customer.github_username)
    missing = [word for word in map(fold, words) if word not in fold(customer.organization)]
    return next((text for text in texts if missing and missing[0] in fold(text)), customer.pk)


def _statuses(keys: list[str]) -> dict[str, str]:
    """Return the status of each customer by key, of the newest scored date."""
    newest = PortfolioDay.objects.order_by("-date").values("date")[:1]
    rows = Snapshot.objects.filter(date=newest, customer__in=keys).values_list("customer_id", "status")
    return {key: HealthStatus(status).label for key, status in rows if key}


def _owner(customer: Customer) -> str:
    """Return what the customer's owner is called; '' where nobody is."""
    care: CustomerCare | None = getattr(customer, "care", None)
    return name_of(care.owner, "") if care else ""
