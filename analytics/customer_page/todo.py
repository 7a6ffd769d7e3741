"""What a customer's page shows of recommendations and tasks."""

from django.http import HttpRequest
from django.utils import timezone

from analytics.models import Snapshot
from analytics.page_cache import page_cache
from analytics.pages.user_summary import user_summary
from analytics.tasks.recommendations import active_rules, recommended_actions
from analytics.tasks.workflow import tasks_of
from customers.models import Customer


class RulesKey(page_cache.StateKey):
    """Of the rules that recommend."""


def todo(request: HttpRequest, customer: Customer, snapshot: Snapshot | None) -> dict[str, object]:
    """``actions`` (where there is a snapshot), ``tasks`` for who may see them, ``today``; at most three queries."""
    tasks = tasks_of(customer)
    context: dict[str, object] = {
        "tasks": tasks if request.user.has_perm("analytics.view_task") else [],
        "today": timezone.localdate(),
    }
    if snapshot:
        snapshot.customer = customer  # some rules look at it
        rules = page_cache.get_or_set(RulesKey(version=user_summary(request).version), active_rules)
        context["actions"] = recommended_actions(snapshot, rules, tasks)
    return context
