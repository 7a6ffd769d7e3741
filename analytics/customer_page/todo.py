"""What a customer's page shows of recommendations and tasks."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from analytics.models import Snapshot
from analytics.pages.current_user import visitor
from analytics.tasks.recommendations import active_rules, recommended_actions
from analytics.tasks.workflow import tasks_of
from customers.models import Customer


def todo(request: HttpRequest, customer: Customer, snapshot: Snapshot | None) -> dict[str, Any]:
    """``actions`` (where there is a snapshot), ``tasks`` for who may see them, ``today``; at most three queries."""
    tasks = tasks_of(customer)
    context: dict[str, Any] = {
        "tasks": tasks if request.user.has_perm("analytics.view_task") else [],
        "today": timezone.localdate(),
    }
    if snapshot:
        snapshot.customer = customer  # some rules look at it
        context["actions"] = recommended_actions(snapshot, visitor(request).program.kept("rules", active_rules), tasks)
    return context
