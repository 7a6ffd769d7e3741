"""Bring the scored dates along: the day of onboarding where it is known alone, the activity trend without requests.

Nothing is scored again, so what was known of a customer on a date stays: the status, the blocker, the score. What the
feeds say today of events, engagement and sightings decides which days are known and what the activity was.
"""

from collections import defaultdict
from datetime import timedelta
from fractions import Fraction

from django.db import migrations
from django.db.models import Exists, F, OuterRef, Q

STEPS = {
    "welcome_email_sent": None,
    "account_created": None,
    "github_action_installed": None,
    "first_issue_tagged": "issues_tagged",
    "first_pr_generated": "prs_generated",
}
ACTIVITY = ("issues_tagged", "prs_generated", "prs_merged", "prs_rejected")


def bring_along(apps, schema_editor):
    apps.get_model("analytics", "CohortDay").objects.update(days_known=F("onboarded"))
    days = apps.get_model("analytics", "PortfolioDay").objects
    days.update(days_known=F("onboarded"))
    unknown = _unknown_days(apps)
    for day in days.select_related("policy").order_by("date"):
        _forget_unknown_days(apps, day, unknown.filter(date=day.date))
        _trend_without_requests(apps, schema_editor, day)


def _unknown_days(apps):
    """The snapshots of the onboarded whose day of onboarding rests on a step that nothing dates."""
    onboarding = apps.get_model("customers", "Onboarding").objects.order_by()
    events = apps.get_model("customers", "Event").objects.order_by()
    rows = apps.get_model("customers", "Engagement").objects.order_by()
    sightings = apps.get_model("customers", "StepSighting").objects.order_by()
    customer, dated = OuterRef("pk"), Q()
    for step, counter in STEPS.items():
        known = Q(Exists(events.filter(customer=customer, kind=step)))
        known |= Q(Exists(sightings.filter(customer=customer, step=step, seen_on__isnull=False)))
        if counter:
            known |= Q(Exists(rows.filter(customer=customer, **{f"{counter}__gt": 0})))
        dated &= known
    undated = apps.get_model("customers", "Customer").objects.order_by().filter(~dated)
    stated = onboarding.filter(customer=OuterRef("customer"), completed_date=OuterRef("completed_on"))
    return apps.get_model("analytics", "Snapshot").objects.order_by().filter(
        ~Exists(stated), onboarded=True, completed_on__isnull=False, customer__in=undated.values("pk")
    )


def _forget_unknown_days(apps, day, unknown):
    days = list(unknown.values_list("days_to_complete", flat=True))
    if not days:
        return
    unknown.update(completed_on=None, days_to_complete=None)
    day.days_known, day.days_to_value = max(day.onboarded - len(days), 0), day.days_to_value - sum(days)
    day.save(update_fields=["days_known", "days_to_value"])
    known = apps.get_model("analytics", "Snapshot").objects.order_by().filter(
        date=day.date, days_to_complete__isnull=False
    )
    groups = defaultdict(list)
    for cohort, signup, took in known.values_list("customer__cohort", "customer__signup_date", "days_to_complete"):
        for group in (("all", ""), ("cohort", cohort), ("month", signup.isoformat()[:7])):
            groups[group].append(took)
    for row in apps.get_model("analytics", "CohortDay").objects.filter(date=day.date):
        took = sorted(groups[row.by, row.name])
        row.days_known, row.days_to_value = len(took), sum(took)
        row.middle_days = took[len(took) // 2] + took[(len(took) - 1) // 2] if took else None
        row.save(update_fields=["days_known", "days_to_value", "middle_days"])


def _trend_without_requests(apps, schema_editor, day):
    """Only those who asked for support in the two windows can have another activity trend."""
    window = day.policy.trend_days
    rows = apps.get_model("customers", "Engagement").objects.order_by()
    rows = rows.filter(date__range=(day.date - timedelta(days=2 * window - 1), day.date))
    asked = rows.filter(support_requests__gt=0).values("customer")
    activity = defaultdict(lambda: [0] * (2 * window))
    for customer, of, *counters in rows.filter(customer__in=asked).values_list("customer", "date", *ACTIVITY):
        activity[customer][(day.date - of).days] += sum(counters)
    snapshots = apps.get_model("analytics", "Snapshot").objects.filter(date=day.date, customer__in=asked)
    changed = [
        (sum(by_age[:window]), sum(by_age[window:]), _trend(by_age, (day.date - signup).days, day.policy), pk)
        for pk, by_age, signup in (
            (pk, activity[customer], signup)
            for pk, customer, signup in snapshots.values_list("pk", "customer", "customer__signup_date")
        )
    ]
    if changed:
        with schema_editor.connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE analytics_snapshot SET trend_now = %s, trend_before = %s, trend = %s WHERE id = %s", changed
            )


def _trend(by_age, since_signup, policy):
    """``by_age`` has the activity of the date, of the day before, and so on."""
    days = policy.trend_days
    if since_signup < 2 * days:
        ages = [age for age in range(days) if age <= since_signup]
        # Of x = days - 1 - age around its mean, doubled so that it is whole.
        moment = sum((days - 1 - 2 * age) * by_age[age] for age in ages)
        change = Fraction(6 * moment, days * (days * days - 1))
        steady = abs(change) <= Fraction(policy.trend_slope)
    else:
        now, before = sum(by_age[:days]), sum(by_age[days:])
        change, least = 100 * (now - before), before * policy.trend_percent
        steady = abs(change) < least or not (now or before)
    return "stable" if steady else "improving" if change > 0 else "declining"


def score_again(apps, schema_editor):
    """An earlier version counts otherwise: there the dates are stale, and its next scoring makes them anew."""
    apps.get_model("analytics", "PortfolioDay").objects.update(stale=True)


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0010_known_days"),
        ("customers", "0014_groups_with_keys"),
    ]

    operations = [migrations.RunPython(bring_along, score_again)]
