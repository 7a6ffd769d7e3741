"""The form of an alert rule; an own rule's conditions are the filters of the customer table."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib.auth.models import User
from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.display.filter_choices import FilterChoices
from analytics.models import AlertRule, PortfolioDay, Report
from analytics.segments.filters import ME, SnapshotFilter
from analytics.segments.segment import Segment, conditions_of
from customers.editing.conflicts import EditConflictMixin
from customers.text.numbers import number_or_none

PREVIEW = "_preview"
ADDRESS = "conditions_address"
MAX_QUERY_LENGTH = 4_000


def rule_segment(query: str, known: FilterChoices | None = None) -> Segment:
    """Return what a query means on the newest scored date, or today where nothing is scored."""
    newest = PortfolioDay.objects.newest()
    return Segment(query, newest.date if newest else timezone.localdate(), known)


class ConditionsInput(forms.Widget):
    """The filters of the customer table as inputs, whose value is the query of their address.

    An address that is pasted beside them takes their place; of reports it may name those that ``user`` sees.
    """

    user: User | None = None

    def render(self, name: str, value: object, attrs: object = None, renderer: object = None) -> SafeString:
        """Return the HTML of the filters as ``value``, a query, sets them."""
        segment = rule_segment(str(value or ""))
        return render_to_string("analytics/alerts/conditions.html", {"filters": segment.filters, "address": ADDRESS})

    def value_from_datadict(self, data: Mapping[str, Any], files: object, name: str) -> str:
        """Return the query that was sent."""
        if address := str(data.get(ADDRESS, "")).strip():
            return query_of_address(address[:MAX_QUERY_LENGTH], self.user)
        sent = QueryDict(mutable=True)
        if isinstance(data, QueryDict):
            for one in SnapshotFilter.base_filters:
                sent.setlist(one, data.getlist(one))
        return conditions_of(sent)

    def id_for_label(self, id_: str) -> str:
        """Return no id: the widget is a group of inputs, each with a label of its own."""
        return ""


class ConditionsField(forms.CharField):
    """A query of filters that must all be understood, and narrow."""

    widget = ConditionsInput

    def clean(self, value: object) -> str:
        """Return the query; raise ``ValidationError`` with everything that is not understood."""
        query: str = super().clean(value)
        if problems := rule_segment(query).problems:
            raise forms.ValidationError(problems)
        return query


class AlertRuleForm(EditConflictMixin, forms.ModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """A rule; one that was sent to be previewed is not saved, however right it is. A new one is an own rule."""

    user: User | None = None
    """Who asks, by whom it is decided which reports an address can name."""
    query = ConditionsField(label=_("Conditions"), required=False, max_length=MAX_QUERY_LENGTH)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.instance.kind = AlertRule.Kind.OWN
            if "query" in self.initial:
                self.initial["query"] = conditions_of(QueryDict(str(self.initial["query"])))
        if not self.instance.is_own:
            del self.fields["query"]
        elif isinstance(widget := self.fields["query"].widget, ConditionsInput):
            widget.user = self.user

    @property
    def is_previewed(self) -> bool:
        """Whether only what the rule would do is asked for."""
        return PREVIEW in self.data

    def is_valid(self) -> bool:
        """Return whether to save it."""
        return super().is_valid() and not self.is_previewed

    def clean_name(self) -> str:
        """Give each own rule a name of its own."""
        name = " ".join(self.cleaned_data["name"].split())
        if not name:
            raise forms.ValidationError(gettext("Give the rule a name."))
        if AlertRule.objects.filter(name=name).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(gettext("Another rule has this name."))
        return name


def query_of_address(address: str, user: User | None) -> str:
    """Return the conditions of an address: of a report that ``user`` sees, or of the customer table."""
    parts = urlsplit(address)
    report_key = re.fullmatch(r".*/reports/(\d+)/", parts.path)
    key = number_or_none(report_key[1]) if report_key else None
    if key is None:
        # Without a path it is a query alone.
        return conditions_of(QueryDict(parts.query or parts.path.rpartition("/")[2]))
    report = Report.objects.visible_to(user).filter(pk=key).first() if user else None
    query = QueryDict(report.query if report else "", mutable=True)
    if report and report.owner_id and ME in query.getlist("owner"):
        query.setlist("owner", [str(report.owner_id) if one == ME else one for one in query.getlist("owner")])
    return conditions_of(query)
