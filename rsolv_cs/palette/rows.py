"""The rows of the database that the palette finds."""

from django.contrib.auth.models import User
from django.db.models import Q
from django.urls import reverse

from analytics.models import HealthStatus, PortfolioDay, Report, Snapshot, Task
from analytics.page_cache.version import DataVersion
from customers.core.people import name_of
from customers.models import Customer, CustomerCare
from customers.text.fold import fold
from rsolv_cs.palette.customer_index import CustomerIndex
from rsolv_cs.palette.result import Result, rank

LOOKED_AT = 200
"""Rows of a kind that are compared: more are found by a letter or two, and nobody reads them."""


def customers(version: DataVersion, words: list[str], most: int) -> list[Result]:
    """Return the customers with each word in name, id, email or GitHub name, the best match first."""
    keys = CustomerIndex.current(version).find(words, most)
    rows = Customer.objects.in_bulk(keys)
    found = [rows[key] for key in keys if key in rows]
    statuses, owners = _statuses(keys), _owners(keys)
    return [
        Result(
            one.organization,
            reverse("analytics:customer", args=[one.pk]),
            "group",
            _joined(_told_apart(words, one), statuses.get(one.pk, ""), owners.get(one.pk, "")),
        )
        for one in found
    ]


def reports(user: User, words: list[str], most: int) -> list[Result]:
    """Return the reports that a user may see with each word in their names, the best match first."""
    found = Report.objects.visible_to(user).select_related("owner")
    for word in words:
        found = found.filter(name__finds=word)
    best = sorted(found[:LOOKED_AT], key=lambda report: (rank(words, report.name), fold(report.name), report.pk))
    return [
        Result(
            report.name,
            reverse("analytics:report", args=[report.pk]),
            "summarize",
            "" if report.owner == user else f"by {name_of(report.owner)}",
        )
        for report in best[:most]
    ]


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
            _joined(task.customer.organization, f"due {task.due:%-d %b %Y}", task.owner_name),
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


def _owners(keys: list[str]) -> dict[str, str]:
    """Return what the owner of each customer is called, by the customer's key."""
    cares = CustomerCare.objects.filter(customer__in=keys).select_related("owner")
    return {care.customer_id: name_of(care.owner, "") for care in cares}
