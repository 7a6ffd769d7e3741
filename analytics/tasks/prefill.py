"""A new task, filled in as a rule recommends it."""

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.text import Truncator

from analytics.models import PortfolioDay, RecommendationRule, Snapshot, Task
from analytics.models.tasks import MAX_REASON_LENGTH
from analytics.tasks import workflow
from analytics.tasks.conditions import matching_reason
from customers.models import Customer
from customers.owners.assign import eligible_owners
from customers.text.say import in_english


def prefilled(customer: Customer, rule: RecommendationRule | None, user: User) -> Task:
    """Return a task as the rule recommends it, for the customer's owner (who must be able to do it) or the user."""
    owner = getattr(getattr(customer, "care", None), "owner", None)
    if owner != user and not (owner and eligible_owners().filter(pk=owner.pk).exists()):
        owner = user
    today = timezone.localdate()
    if rule is None:
        return Task(customer=customer, owner=owner, due=workflow.due_date(workflow.ORDINARY, today))
    portfolio = PortfolioDay.objects.newest()
    snapshots = Snapshot.objects.select_related("policy", "customer")
    snapshot = snapshots.filter(customer=customer, date=portfolio.date).first() if portfolio else None
    with in_english():  # It is stored.
        reason = (snapshot and matching_reason(snapshot, rule)) or ""
    return Task(
        customer=customer,
        rule=rule,
        kind=rule.kind,
        what=rule.text,
        reason=Truncator(reason).chars(MAX_REASON_LENGTH),
        owner=owner,
        due=workflow.due_date(rule.urgency, today),
    )
