"""The dates of onboarding steps that no feed says, learnt by when a step was first seen."""

from django.db.models import Exists, OuterRef, QuerySet

from customers.models import (
    Engagement,
    Event,
    StepSighting,
)
from customers.models.onboarding import COUNTER_OF_STEP


def learnt_dates() -> QuerySet[StepSighting]:
    """Return the sightings that date a step, because neither an event nor engagement does."""
    dated = StepSighting.objects.exclude(seen_on=None).exclude(
        Exists(Event.objects.filter(customer=OuterRef("customer"), kind=OuterRef("step")))
    )
    for step, counter in COUNTER_OF_STEP.items():
        rows = Engagement.objects.filter(customer=OuterRef("customer"), **{f"{counter}__gt": 0})
        dated = dated.exclude(Exists(rows), step=step)
    return dated.order_by("customer_id", "step")
