"""Alerts as the page of alerts has them, by its filters."""

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal, TypedDict

from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError

from analytics.alert_list.listing import ALL, OPEN, YES_OR_NO, AlertFilter, alert_filter
from analytics.models import Alert, AlertRule
from rsolv_cs.api.access import Accesses, reads
from rsolv_cs.api.paging import paging_of
from rsolv_cs.api.reading import AS_OF, PAGING, ReadView, check_filters, filter_parameters, key_of, scored_date

CUSTOMER = OpenApiParameter("customer", str, description="The id of the customer whom they are about.")
PAGE = OpenApiParameter("page", str, description="Of the page's address; it changes nothing here.")


class RuleFacts(TypedDict):
    """The rule that raised an alert."""

    kind: AlertRule.Kind
    name: Annotated[str, "The rule in words, or the name of somebody's own rule."]


class AlertFacts(TypedDict):
    """An alert. Days are scored dates, of a feed's alert those of the nights."""

    id: int
    rule: Annotated[RuleFacts | None, "Null once the rule is deleted."]
    severity: Literal["critical", "warning", "info"] | None
    customer: Annotated[str | None, "The customer's id; null where it is about a feed or the night."]
    organization: Annotated[str, "The customer's name; empty where it is about none."]
    feed: Annotated[str, "The feed that it is about; empty where it is about none."]
    text: str
    value: Annotated[int | None, "What grows worse: the score, points, days, rows or customers."]
    state: Literal["waiting", "acknowledged", "snoozed", "closed"]
    opened_on: date
    raised_at: datetime
    worse_on: Annotated[date | None, "The last date on which it grew worse."]
    acknowledged_at: datetime | None
    acknowledged_by: Annotated[str, "A login."]
    snoozed_until: date | None
    snoozed_by: Annotated[str, "A login."]
    note: str
    closed_on: date | None
    closed_at: datetime | None
    ending: Annotated[str, "Why it is closed, in words; empty while it is open."]


class AlertPage(TypedDict):
    """A page of alerts."""

    as_of: Annotated[date | None, "The scored date; null where nothing is scored yet."]
    next: Annotated[str | None, "The address of the next page; null on the last one."]
    results: list[AlertFacts]


class AlertsView(ReadView):
    """Alerts, the newest first: those that are open, or with `as_of` those that were open on that scored date."""

    access: Accesses = reads("analytics.view_alert")
    operation = "list_alerts"
    parameters: ClassVar = (
        AS_OF,
        CUSTOMER,
        *filter_parameters(
            AlertFilter,
            q="Words that all occur in the text, or in the customer's name or id.",
            state="State; open unless `as_of` is given.",
            rule="The kind of a built-in rule, or the key of somebody's own.",
            owner="The key of the account of the customers' owner, or `none`.",
            mine="Those that you are told of.",
            told="The key of the account of who is told.",
        ),
        PAGE,
        *PAGING,
    )
    answers = AlertPage

    def answer(self, request: HttpRequest, **kwargs: object) -> AlertPage:
        """Return a page of alerts."""
        paging = paging_of(request)
        portfolio = scored_date(request).portfolio
        day = portfolio.date if portfolio else None
        is_earlier = day is not None and AS_OF.name in request.GET
        alerts = Alert.objects.open_on(day) if is_earlier and day else Alert.objects.all()
        filters = alert_filter(request, alerts=alerts, state=ALL if is_earlier else OPEN)
        check_filters(filters)
        if request.GET.get("mine", "").lower() not in YES_OR_NO:
            raise ValidationError({"mine": "Allowed: true, false."})
        found = filters.qs.order_by("-pk")
        if key := key_of(request, CUSTOMER.name):
            found = found.filter(customer=key)
        rows, position = paging.rows(found, Alert.objects.select_related("rule", "customer"))
        following = paging.next_page(position, day if is_earlier else None)
        today = timezone.localdate()
        return {"as_of": day, "next": following, "results": [_facts(one, today) for one in rows]}


def _facts(one: Alert, today: date) -> AlertFacts:
    rule = one.rule
    return {
        "id": one.pk,
        "rule": {"kind": AlertRule.Kind(rule.kind), "name": str(rule)} if rule else None,
        "severity": _SEVERITIES[rule.severity] if rule else None,
        "customer": one.customer_id,
        "organization": one.customer.organization if one.customer else "",
        "feed": one.feed,
        "text": one.text,
        "value": one.value,
        "state": _state(one, today),
        "opened_on": one.opened_on,
        "raised_at": one.raised_at,
        "worse_on": one.worse_on,
        "acknowledged_at": one.acknowledged_at,
        "acknowledged_by": one.acknowledged_by,
        "snoozed_until": one.snoozed_until,
        "snoozed_by": one.snoozed_by,
        "note": one.note,
        "closed_on": one.closed_on,
        "closed_at": one.closed_at,
        "ending": one.ending_text or str(one.get_ending_display()),
    }


_SEVERITIES: dict[int, Literal["critical", "warning", "info"]] = {
    AlertRule.Severity.CRITICAL: "critical",
    AlertRule.Severity.WARNING: "warning",
    AlertRule.Severity.INFO: "info",
}


def _state(one: Alert, today: date) -> Literal["waiting", "acknowledged", "snoozed", "closed"]:
    if not one.is_open:
        return "closed"
    if one.snoozed_until and one.snoozed_until > today:
        return "snoozed"
    return "acknowledged" if one.acknowledged_at else "waiting"
