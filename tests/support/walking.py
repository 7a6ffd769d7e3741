"""Every address of the project, found in the URLconf, with the keys of rows that are there."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from analytics.models import (
    Board,
    Destination,
    ExportFormat,
    Message,
    Playbook,
    PlaybookRun,
    PlaybookStepRun,
    Push,
    Report,
    ScoringPolicy,
    Task,
)
from analytics.my_day.acts import ACTS
from customers.models import ImportRun, QuarantinedRow, Upload
from customers.models.key_change import KeyChange


def patterns(resolver: URLResolver | None = None, namespaces: tuple[str, ...] = ()) -> Iterator[tuple[str, list[str]]]:
    """The name of each address and what it takes; addresses without a name are redirects and catch-alls."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            inner = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from patterns(pattern, inner)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield ":".join((*namespaces, pattern.name)), list(pattern.pattern.regex.groupindex)


ROWS = {
    **dict.fromkeys(("push-preview", "push-now"), Destination),
    **dict.fromkeys(("resume-push", "undo-push", "export-push", "push-file"), Push),
    "message": Message,
    "task": Task,
    "undo-run": ImportRun,
    "fix-row": QuarantinedRow,
    "fix-event": QuarantinedRow,
    "same-customer": KeyChange,
    "upload": Upload,
    "preview-upload": Upload,
    "confirm-upload": Upload,
    "cancel-upload": Upload,
    **dict.fromkeys(("run", "quarantined"), ImportRun),
    **dict.fromkeys(("close-task", "reopen-task"), Task),
    **dict.fromkeys(
        ("report", "edit-report", "change-report-view", "delete-report", "export-report", "pin-report", "report-rows"),
        Report,
    ),
    **dict.fromkeys(("publish-policy", "withdraw-policy", "end-policy"), ScoringPolicy),
    **dict.fromkeys(("policy-lab", "policy-preview", "export-policy-preview"), ScoringPolicy),
    **dict.fromkeys(("policy-back-test", "back-test-customers", "suggest-weights"), ScoringPolicy),
    **dict.fromkeys(("playbook", "turn-playbook-on", "turn-playbook-off", "playbook-runs"), Playbook),
    "stop-playbook": PlaybookRun,
    "playbook-email": PlaybookStepRun,
    **dict.fromkeys(("board", "edit-board", "change-board-tiles", "delete-board"), Board),
}
"""Of which kind the row is that an address takes, by its name."""


def addresses(customer: str) -> list[str]:
    """Every address, for a customer and the first row of each other kind."""
    found = []
    for name, takes in patterns():
        last = name.rpartition(":")[2]
        if last == "view_on_site":
            continue
        values: dict[str, Any] = {}
        choices = [values]
        if "object_id" in takes or (takes and last.startswith("auth_user")):
            model = next(model for model in admin.site._registry if last.startswith(_prefix(model)))
            first = model.objects.order_by("pk").first()
            key = customer if model._meta.model_name == "customer" else first.pk if first else 1
            values.update(dict.fromkeys(takes, key))
        elif "pk" in takes:
            model = ROWS.get(last)
            first = model.objects.order_by("pk").first() if model else None
            values["pk"] = first.pk if first else 1 if model else customer
        if "format" in takes:
            choices = [{**values, "format": file_format} for file_format in ExportFormat.values]
        if "act" in takes:
            choices = [{**values, "act": act} for act in ACTS]
        if "day" in takes:
            values["day"] = "2025-04-30"
        if "feed" in takes:
            values["feed"] = "customers"
        if "key" in takes:
            values["key"] = uuid4()
        if "rest" in takes:
            values["rest"] = "nothing"
        if "app_label" in takes:
            values["app_label"] = "customers"
        for chosen in choices:
            if set(takes) <= set(chosen):
                found.append(reverse(name, kwargs=chosen))
            else:
                raise AssertionError(f"Say what {name} takes: {takes}")
    return sorted(set(found))


def _prefix(model: Any) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}_"
