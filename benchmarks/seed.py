"""What the seed measured of a customer: by the ORM, with a handful of queries for each one."""

from datetime import date, timedelta
from typing import Any

from django.db.models import Sum

from analytics.scoring.components import Measures
from customers.models import Customer, Engagement, Step


def _total(rows: Any, *names: str) -> tuple[int, ...]:
    sums = rows.aggregate(**{f"sum_{name}": Sum(name) for name in names})
    return tuple(sums[f"sum_{name}"] or 0 for name in names)


def measures_of(customer: Customer, day: date) -> Measures:
    """Measure a customer on a date, without the slope of its activity."""
    rows = Engagement.objects.filter(customer=customer, date__lte=day)
    week, month = (rows.filter(date__gt=day - timedelta(days=days)) for days in (7, 30))
    active = rows.exclude(**dict.fromkeys(Engagement.COUNTERS, 0))
    onboarding = customer.onboarding
    feedback = customer.feedback_set.filter(date__lte=day)
    csat = feedback.filter(csat__isnull=False, date__gt=day - timedelta(days=90))
    nps = feedback.filter(nps__isnull=False, date__gt=day - timedelta(days=180)).first()
    generated, merged = _total(month, "prs_generated", "prs_merged")
    week_before = rows.filter(date__gt=day - timedelta(days=14), date__lte=day - timedelta(days=7))
    week_days = active.filter(date__gt=day - timedelta(days=7)).order_by("date").values("date").distinct().count()
    newest = active.order_by("-date").first()
    done = {step.value: customer.signup_date for step in Step if getattr(onboarding, step.value)}
    all_rows = dict(zip(Engagement.COUNTERS, _total(rows, *Engagement.COUNTERS), strict=True))
    return Measures(
        customer_id=customer.pk,
        cohort=customer.cohort,
        csv_status=customer.status,
        signup_date=customer.signup_date,
        completed_date=onboarding.completed_date,
        blocker_type=onboarding.blocker_type,
        step_dates=done,
        **all_rows,
        days_active=active.order_by("date").values("date").distinct().count(),
        last_active=newest.date if newest else None,
        active_days=week_days,
        window_prs_generated=generated,
        window_prs_merged=merged,
        window_support_requests=_total(month, "support_requests")[0],
        csat_sum=sum(csat.values_list("csat", flat=True)),
        csat_count=csat.count(),
        nps_answer=nps.nps if nps else None,
        trend_now=sum(_total(week, *Engagement.ACTIVITY)),
        trend_before=sum(_total(week_before, *Engagement.ACTIVITY)),
        trend_moment=0,
    )
