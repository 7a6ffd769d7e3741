"""The list of alerts: narrowed and paged by the address, the worst first."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_filters.filters import BooleanFilter, CharFilter, ChoiceFilter, Filter
from django_filters.filterset import FilterSet

from analytics.alerts.recipients import may_be_told, told_to
from analytics.display.filter_choices import is_key, owner_in_words, with_asked
from analytics.models import Alert, AlertRule
from analytics.models.alerts import AlertQuerySet
from customers.core.pages import user_of
from customers.core.people import by_name, name_of
from customers.models import CustomerCare
from customers.text.quoted import quoted
from customers.text.say import say

ROWS_PER_PAGE = 25
MAX_WORDS = 20
NOBODY = "none"
OPEN, ALL = "open", "all"
YES = {"1", "true"}
YES_OR_NO = {"", "0", "false", *YES}


class AlertFilter(FilterSet):
    """Narrows the alerts; every filter is in the address."""

    base_filters: ClassVar[dict[str, Filter]]

    q = CharFilter(method="search", label=_("Search"))
    state = ChoiceFilter(
        method="in_state",
        label=_("State"),
        empty_label=None,
        choices=[
            (OPEN, _("Open")),
            ("waiting", _("Not acknowledged")),
            ("acknowledged", _("Acknowledged")),
            ("snoozed", _("Snoozed")),
            ("closed", _("Resolved")),
            (ALL, _("All")),
        ],
    )
    severity = ChoiceFilter(
        method="of_severity",
        label=_("Severity"),
        empty_label=_("Any"),
        choices=[(severity.name.lower(), severity._label_) for severity in AlertRule.Severity],
    )
    rule = ChoiceFilter(method="of_rule", label=_("Rule"), choices=[], empty_label=_("All rules"))
    owner = ChoiceFilter(method="of_owner", label=_("Owner"), choices=[], empty_label=_("All"))
    mine = BooleanFilter(method="of_mine", label=_("Mine"))
    told = ChoiceFilter(method="of_told", label=_("Told to"), choices=[], empty_label=_("All"))

    class Meta:
        model = Alert
        fields: list[str] = []

    def __init__(self, data: QueryDict, alerts: AlertQuerySet, request: HttpRequest) -> None:
        super().__init__(data, queryset=alerts, request=request)  # type: ignore[no-untyped-call]  # django-filter's
        self.today, self.visitor = timezone.localdate(), user_of(request)
        owners = User.objects.filter(pk__in=CustomerCare.objects.values("owner")).order_by(*by_name(""))
        choices = [(NOBODY, gettext("Unassigned")), *((str(user.pk), name_of(user)) for user in owners)]
        asked = [key for key in self.data.getlist("owner") if is_key(key)]
        self.filters["owner"].extra["choices"] = with_asked(choices, asked, owner_in_words)
        built_in = [choice for choice in AlertRule.Kind.choices if choice[0] != AlertRule.Kind.OWN]
        own = AlertRule.objects.filter(kind=AlertRule.Kind.OWN).order_by("name").values_list("pk", "name")
        self.filters["rule"].extra["choices"] = [*built_in, *((str(pk), name) for pk, name in own)]
        visitor = self.visitor
        people = may_be_told().exclude(pk=visitor.pk).order_by(*by_name(""))
        choices = [(str(visitor.pk), f"Me ({name_of(visitor)})"), *((str(one.pk), name_of(one)) for one in people)]
        asked = [key for key in self.data.getlist("told") if is_key(key)]
        self.filters["told"].extra["choices"] = with_asked(choices, asked, owner_in_words)

    def search(self, queryset: AlertQuerySet, name: str, value: str) -> AlertQuerySet:
        """Keep the alerts in whose text, or customer's name or id, each of the words occurs."""
        for word in value.split()[:MAX_WORDS]:
            queryset = queryset.filter(
                Q(text__finds=word) | Q(customer__organization__finds=word) | Q(customer__pk__finds=word)
            )
        return queryset

    def in_state(self, queryset: AlertQuerySet, name: str, value: str) -> AlertQuerySet:
        """Keep the alerts that are open, closed, or in one of the states of open ones."""
        states: dict[str, AlertQuerySet] = {
            "waiting": queryset.waiting(self.today),
            "acknowledged": queryset.open().exclude(acknowledged_at=None),
            "snoozed": queryset.snoozed(self.today),
            "closed": queryset.closed(),
            ALL: queryset,
        }
        return states.get(value, queryset.open())

    def of_severity(self, queryset: AlertQuerySet, name: str, value: str) -> AlertQuerySet:
        """Keep the alerts of rules of a severity."""
        return queryset.filter(rule__severity=AlertRule.Severity[value.upper()])

    def of_rule(self, queryset: AlertQuerySet, name: str, value: str) -> AlertQuerySet:
        """Keep the alerts of a built-in rule, by its kind, or of an own one, by its key."""
        return queryset.filter(rule=int(value)) if value.isdecimal() else queryset.filter(rule__kind=value)

    def of_owner(self, queryset: AlertQuerySet, name: str, value: str) -> AlertQuerySet:
        """Keep the alerts on the customers of an owner, or on those without one."""
        if value == NOBODY:
            return queryset.filter(Q(customer__care=None) | Q(customer__care__owner=None), customer__isnull=False)
        return queryset.filter(customer__care__owner=int(value))

    def of_mine(self, queryset: AlertQuerySet, name: str, value: bool) -> AlertQuerySet:
        """Keep the alerts that the visitor is told of; ``in_full`` leads such an address to ``told``."""
        return queryset.filter(told_to(self.visitor)) if value else queryset

    def of_told(self, queryset: AlertQuerySet, name: str, value: str) -> AlertQuerySet:
        """Keep the alerts that somebody is told of."""
        person = User.objects.filter(pk=value).first()
        return queryset.filter(told_to(person)) if person else queryset.none()


def in_full(request: HttpRequest) -> str:
    """Return the query of the address with the visitor named where it means the visitor; '' where it does not.

    It does where it says "mine", and where it asks for nothing and the visitor owns customers.
    """
    asks = any(name in request.GET for name in AlertFilter.base_filters)
    if request.GET.get("mine", "").lower() not in YES and (asks or not _owns(request)):
        return ""
    named = request.GET.copy()
    named.pop("mine", None)
    named["told"] = str(request.user.pk)
    return named.urlencode()


def _owns(request: HttpRequest) -> bool:
    return CustomerCare.objects.filter(owner=request.user.pk).exists()


@dataclass(frozen=True)
class Whose:
    """A choice of the switch: its label, the address' query for it, and whether it is what is shown."""

    label: str
    query: str
    is_chosen: bool


def whose(request: HttpRequest) -> list[Whose]:
    """Return the choices of whose alerts are shown: Mine are those that the sidebar counts."""
    me, told, owner = str(request.user.pk), request.GET.get("told", ""), request.GET.get("owner", "")
    rest = request.GET.copy()
    for name in ("told", "owner", "mine", "page"):
        rest.pop(name, None)
    kept = f"&{rest.urlencode()}" if rest else ""
    return [
        Whose(gettext("Mine"), f"told={me}{kept}", told == me and not owner),
        Whose(gettext("Team"), f"told={kept}", not told and not owner),
        Whose(gettext("Unassigned"), f"owner={NOBODY}{kept}", owner == NOBODY and not told),
    ]


def alert_filter(
    request: HttpRequest, address: QueryDict | None = None, *, alerts: AlertQuerySet | None = None, state: str = OPEN
) -> AlertFilter:
    """Return the filters that an address sets of these alerts, or of all; in this state unless it says another."""
    asked = (request.GET if address is None else address).copy()
    asked.setdefault("state", state)
    return AlertFilter(asked, Alert.objects.all() if alerts is None else alerts, request)


def customers_of_alerts(request: HttpRequest, address: QueryDict) -> list[str]:
    """Return the customers of all pages of the list with an address' query, in its order, each once."""
    filters = alert_filter(request, address)
    rows = filters.qs.exclude(customer=None).worst_first(filters.today)
    return list(dict.fromkeys(rows.values_list("customer_id", flat=True)))


def matching_alerts(request: HttpRequest) -> AlertQuerySet:
    """Return all alerts that the filters of the address leave; none where any filter is not understood."""
    filters = alert_filter(request)
    found: AlertQuerySet = filters.qs
    return found.none() if filters.errors or any(_ignored(request.GET, filters)) else found


def alert_list(request: HttpRequest) -> dict[str, object]:
    """Return what the page shows, in constant queries: filters, a page of alerts, whose they are, and ``today``.

    ``ignored`` says in words what of the address is not understood.
    """
    filters = alert_filter(request)
    # The database sorts the keys of all, and whole rows of the page alone.
    keys = filters.qs.worst_first(filters.today).values_list("pk", flat=True)
    page = Paginator(keys, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    rows = Alert.objects.select_related("rule", "customer__care__owner").filter(pk__in=page.object_list)
    page.object_list = rows.worst_first(filters.today)
    filtering = any(request.GET.getlist(name) != [""] for name in filters.filters if name in request.GET)
    ignored = list(_ignored(request.GET, filters))
    return {
        "filters": filters,
        "filtering": filtering,
        "ignored": ignored,
        "is_understood": not (ignored or filters.errors),
        "page": page,
        "today": filters.today,
        "whose": whose(request),
    }


def _ignored(asked: QueryDict, filters: AlertFilter) -> Iterator[str]:
    """Yield in words what the address asks for in vain, beyond what the form itself refuses."""
    yield from (
        say("There is no filter {name}.", name=quoted(name))
        for name in asked
        if name not in {*filters.filters, "page"}
    )
    mine = asked.get("mine", "")
    if mine.lower() not in YES_OR_NO:
        yield say("Mine: {text} is neither true nor false.", text=quoted(mine))
    page = asked.get("page", "1")
    if not page.isdecimal():
        yield say("{text} is not the number of a page.", text=quoted(page))
