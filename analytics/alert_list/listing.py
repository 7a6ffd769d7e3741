"""The filters of the list of alerts, all of them in the address; the worst come first."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_filters.filters import BooleanFilter, CharFilter, ChoiceFilter, Filter
from django_filters.filterset import FilterSet
from django_filters.widgets import BooleanWidget

from analytics.alerts.recipients import may_be_told, told_to
from analytics.display.filter_choices import is_key, owner_in_words, with_asked
from analytics.models import Alert, AlertRule
from analytics.models.alerts import AlertQuerySet
from customers.core.pages import user_of
from customers.core.people import by_name, name_of
from customers.models import CustomerCare
from customers.text.quoted import quoted
from customers.text.say import say, say_later

MAX_WORDS = 20
NOBODY = "none"
OPEN, ALL = "open", "all"
YES = {"1", "true"}
YES_OR_NO = {"", "0", "false", *YES}


@dataclass(frozen=True)
class AlertChoices:
    """The people and own rules that the filters offer: keys and names, in order."""

    owners: list[tuple[str, str]]
    own_rules: list[tuple[str, str]]
    told: list[tuple[str, str]]


def alert_choices() -> AlertChoices:
    """Return who owns customers, which own rules there are, and who may be told of alerts. Three queries."""
    owners = User.objects.filter(pk__in=CustomerCare.objects.values("owner")).order_by(*by_name(""))
    rules = AlertRule.objects.filter(kind=AlertRule.Kind.OWN).order_by("name").values_list("pk", "name")
    return AlertChoices(
        owners=[(str(user.pk), name_of(user)) for user in owners],
        own_rules=[(str(pk), name) for pk, name in rules],
        told=[(str(user.pk), name_of(user)) for user in may_be_told().order_by(*by_name(""))],
    )


class AlertFilter(FilterSet):
    """Narrows the alerts; every filter is in the address. Three queries for the choices, unless they are known."""

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
    mine = BooleanFilter(method="of_mine", label=_("Mine"), widget=BooleanWidget)
    told = ChoiceFilter(method="of_told", label=_("Told to"), choices=[], empty_label=_("All"))

    class Meta:
        model = Alert
        fields: list[str] = []

    def __init__(
        self, data: QueryDict, alerts: AlertQuerySet, request: HttpRequest, known: AlertChoices | None = None
    ) -> None:
        super().__init__(data, queryset=alerts, request=request)  # type: ignore[no-untyped-call]  # django-filter's
        self.today, self.visitor = timezone.localdate(), user_of(request)
        there_are = known or alert_choices()
        owners = [(NOBODY, gettext("Unassigned")), *there_are.owners]
        self.filters["owner"].extra["choices"] = with_asked(owners, self._people_asked("owner"), owner_in_words)
        built_in = [choice for choice in AlertRule.Kind.choices if choice[0] != AlertRule.Kind.OWN]
        self.filters["rule"].extra["choices"] = [*built_in, *there_are.own_rules]
        me = str(self.visitor.pk)
        others = [(key, name) for key, name in there_are.told if key != me]
        people = [(me, say_later("Me ({name})", name=name_of(self.visitor))), *others]
        self.filters["told"].extra["choices"] = with_asked(people, self._people_asked("told"), owner_in_words)

    def _people_asked(self, name: str) -> list[str]:
        return [key for key in self.data.getlist(name) if is_key(key)]

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


def alert_filter(
    request: HttpRequest,
    address: QueryDict | None = None,
    *,
    alerts: AlertQuerySet | None = None,
    state: str = OPEN,
    known: AlertChoices | None = None,
) -> AlertFilter:
    """Return the filters that an address sets of these alerts, or of all; in this state unless it says another."""
    asked = (request.GET if address is None else address).copy()
    asked.setdefault("state", state)
    return AlertFilter(asked, Alert.objects.all() if alerts is None else alerts, request, known)


def customers_of_alerts(request: HttpRequest, address: QueryDict) -> list[str]:
    """Return the customers of all pages of the list with an address' query, in its order, each once."""
    filters = alert_filter(request, address)
    rows = filters.qs.exclude(customer=None).worst_first(filters.today)
    return list(dict.fromkeys(rows.values_list("customer_id", flat=True)))


def matching_alerts(request: HttpRequest) -> AlertQuerySet:
    """Return all alerts that the filters of the address leave; none where any filter is not understood."""
    filters = alert_filter(request)
    found: AlertQuerySet = filters.qs
    return found.none() if filters.errors or any(ignored(request.GET, filters)) else found


def ignored(asked: QueryDict, filters: AlertFilter) -> Iterator[str]:
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
