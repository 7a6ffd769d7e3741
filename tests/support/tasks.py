"""Tasks, and the rules that recommend them."""

from datetime import date
from typing import Any

from analytics.models import RecommendationRule, Task
from customers.models import Customer

TODAY = date(2025, 5, 12)


def rule(text: str = "Ask for a testimonial") -> RecommendationRule:
    """The rule that recommends this."""
    return RecommendationRule.objects.get(text=text)


def make_task(customer: Customer, **overrides: Any) -> Task:
    """A task of a customer, to be done today."""
    return Task.objects.create(**{"customer": customer, "what": "Call them", "due": TODAY, **overrides})
