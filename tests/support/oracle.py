"""Reference calculation of `docs/metrics.md`: naive pure Python, independent of the SQL compared with it.

Nothing here is shared with the real implementation and nothing is clever: loops over lists of dicts, exact
fractions, one function for one paragraph of the specification. It is slow (each customer scans every row).
"""

import datetime as dt
from collections.abc import Mapping
from fractions import Fraction
from math import floor

from tests.support.oracle_feeds import COUNTERS, STEPS, Feeds, Row

Sightings = Mapping[tuple[str, str], dt.date]

ADOPTION_STEPS = STEPS[1:]
STEP_COUNTER = {"first_issue_tagged": "issues_tagged", "first_pr_generated": "prs_generated"}
STATUSES = ("champion", "healthy", "needs_attention", "at_risk", "inactive")
INACTIVE_CSV_STATUSES = ("paused", "inactive", "churned")


# Small helpers


def half_up(value: Fraction | int) -> int:
    return floor(value + Fraction(1, 2))


def percent(part: int, whole: int) -> int | None:
    """Whole percent, half up; None where nothing was counted."""
    return None if whole == 0 else half_up(Fraction(100 * part, whole))


def days_before(d: dt.date, days: int) -> dt.date:
    return d - dt.timedelta(days=days)


def rows_of(rows: list[Row], customer_id: str, first: dt.date | None, last: dt.date | None) -> list[Row]:
    """The customer's rows from `first` to `last`, both included; None leaves that end open."""
    found = []
    for row in rows:
        if row["customer_id"] != customer_id:
            continue
        if first is not None and row["date"] < first:
            continue
        if last is not None and row["date"] > last:
            continue
        found.append(row)
    return found


def rows_in_days(rows: list[Row], customer_id: str, d: dt.date, days: int) -> list[Row]:
    """The customer's rows of the `days` days to D: D - days + 1 to D."""
    return rows_of(rows, customer_id, days_before(d, days - 1), d)


def total_of(rows: list[Row], counter: str) -> int:
    return sum(row.get(counter) or 0 for row in rows)


def activity_of(rows: list[Row]) -> int:
    return sum(total_of(rows, counter) for counter in COUNTERS)


def without_support_requests(rows: list[Row]) -> int:
    """The activity that the activity trend is about: every counter but support requests."""
    return sum(total_of(rows, counter) for counter in COUNTERS if counter != "support_requests")


def active_days(rows: list[Row]) -> list[dt.date]:
    """Dates with a row that has any counter above 0, oldest first."""
    days = set()
    for row in rows:
        if activity_of([row]) > 0:
            days.add(row["date"])
    return sorted(days)


def find_customer(feeds: Feeds, customer_id: str) -> Row:
    for row in feeds.customers:
        if row["id"] == customer_id:
            return row
    raise LookupError(customer_id)


def find_onboarding(feeds: Feeds, customer_id: str) -> Row:
    for row in feeds.onboarding:
        if row["customer_id"] == customer_id:
            return row
    return {}


# Onboarding


def known_step_day(feeds: Feeds, customer: Row, step: str, sightings: Sightings) -> dt.date | None:
    """The day of a step whose flag is true: by event, engagement row or a run that saw it turn true; or None."""
    dated = [row["date"] for row in rows_of(feeds.events, customer["id"], None, None) if row["kind"] == step]
    if dated:
        return min(dated)
    if step in STEP_COUNTER:
        counter = STEP_COUNTER[step]
        rows = rows_of(feeds.engagement, customer["id"], None, None)
        dated = [row["date"] for row in rows if (row.get(counter) or 0) > 0]
        if dated:
            return min(dated)
    if (customer["id"], step) in sightings:
        return sightings[customer["id"], step]
    return None


def step_date(feeds: Feeds, customer: Row, step: str, sightings: Sightings) -> dt.date:
    """When a step whose flag is true was done; one that was true at the very first import, on the signup date."""
    known = known_step_day(feeds, customer, step, sightings)
    return customer["signup_date"] if known is None else known


def dated_steps(feeds: Feeds, customer: Row, d: dt.date, sightings: Sightings) -> dict[str, dt.date]:
    """The steps that count on D, each with its date."""
    onboarding = find_onboarding(feeds, customer["id"])
    counted = {}
    for step in STEPS:
        if onboarding.get(step):
            done_on = step_date(feeds, customer, step, sightings)
            if done_on <= d:
                counted[step] = done_on
    return counted


def is_onboarded(onboarding: Row, steps: dict[str, dt.date], d: dt.date) -> bool:
    stated = onboarding.get("completed_date")
    return (stated is not None and stated <= d) or len(steps) == len(STEPS)


def known_onboarding_day(feeds: Feeds, customer: Row, d: dt.date, sightings: Sightings) -> dt.date | None:
    """The day of onboarding of a customer who is onboarded on D; None where it is not known."""
    stated = find_onboarding(feeds, customer["id"]).get("completed_date")
    if stated is not None and stated <= d:
        return stated
    days = []
    for step in STEPS:
        day = known_step_day(feeds, customer, step, sightings)
        if day is None:
            return None
        days.append(day)
    return max(days)


def stage_of(onboarded: bool, steps: dict[str, dt.date]) -> str:
    if onboarded:
        return "regular_usage"
    if "first_issue_tagged" in steps:
        return "initial_adoption"
    if "account_created" in steps or "github_action_installed" in steps:
        return "onboarding"
    return "new_signup"


# Health score


def activity_points(feeds: Feeds, customer_id: str, d: dt.date) -> int:
    days = active_days(rows_in_days(feeds.engagement, customer_id, d, 7))
    return min(30, 5 * len(days))


def pr_success_points(feeds: Feeds, customer_id: str, d: dt.date) -> int:
    rows = rows_in_days(feeds.engagement, customer_id, d, 30)
    generated = total_of(rows, "prs_generated")
    if generated == 0:
        return 0
    return half_up(min(Fraction(25), Fraction(25 * total_of(rows, "prs_merged"), generated)))


def adoption_points(steps: dict[str, dt.date]) -> int:
    return 5 * len([step for step in ADOPTION_STEPS if step in steps])


def support_points(feeds: Feeds, customer_id: str, d: dt.date) -> int:
    ratings = [row["csat"] for row in rows_in_days(feeds.feedback, customer_id, d, 90) if row.get("csat") is not None]
    if ratings:
        mean = Fraction(sum(ratings), len(ratings))
        return half_up(15 * (mean - 1) / 4)
    requests = total_of(rows_in_days(feeds.engagement, customer_id, d, 30), "support_requests")
    return half_up(max(Fraction(0), 15 - Fraction(5, 2) * requests))


def nps_points(feeds: Feeds, customer_id: str, d: dt.date) -> int | None:
    rated = [row for row in rows_in_days(feeds.feedback, customer_id, d, 180) if row.get("nps") is not None]
    if not rated:
        return None
    newest = max(rated, key=lambda row: (row["date"], row["id"]))
    return newest["nps"]


def status_of(feeds: Feeds, customer: Row, d: dt.date, score: int) -> str:
    if (customer.get("status") or "active").lower() in INACTIVE_CSV_STATUSES:
        return "inactive"
    recent = active_days(rows_in_days(feeds.engagement, customer["id"], d, 14))
    if not recent and customer["signup_date"] < days_before(d, 13):
        return "inactive"
    if score >= 85:
        return "champion"
    if score >= 70:
        return "healthy"
    if score >= 50:
        return "needs_attention"
    return "at_risk"


def trend_of(feeds: Feeds, customer: Row, d: dt.date) -> str:
    if (d - customer["signup_date"]).days < 14:
        return trend_by_slope(feeds, customer, d)
    now = without_support_requests(rows_of(feeds.engagement, customer["id"], days_before(d, 6), d))
    before = without_support_requests(rows_of(feeds.engagement, customer["id"], days_before(d, 13), days_before(d, 7)))
    if before == 0:
        return "improving" if now > 0 else "stable"
    change = Fraction(now - before, before)
    if change >= Fraction(1, 5):
        return "improving"
    if change <= Fraction(-1, 5):
        return "declining"
    return "stable"


def trend_by_slope(feeds: Feeds, customer: Row, d: dt.date) -> str:
    """Least-squares slope of the daily activity over the 7 days to D; days before signup count 0."""
    xs = [Fraction(x) for x in range(7)]
    ys = []
    for x in range(7):
        day = days_before(d, 6 - x)
        rows = [] if day < customer["signup_date"] else rows_of(feeds.engagement, customer["id"], day, day)
        ys.append(Fraction(without_support_requests(rows)))
    mean_x = sum(xs) / 7
    mean_y = sum(ys) / 7
    above = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    below = sum((x - mean_x) ** 2 for x in xs)
    slope = above / below
    if slope > Fraction(1, 10):
        return "improving"
    if slope < Fraction(-1, 10):
        return "declining"
    return "stable"


# What the tests ask for


def points_of(feeds: Feeds, customer_id: str, steps: dict[str, dt.date], d: dt.date) -> dict[str, int | None]:
    """The points of each component, of which the score is the sum."""
    return {
        "activity": activity_points(feeds, customer_id, d),
        "pr_success": pr_success_points(feeds, customer_id, d),
        "adoption": adoption_points(steps),
        "support": support_points(feeds, customer_id, d),
        "nps": nps_points(feeds, customer_id, d),
    }


def measure_customer(feeds: Feeds, customer_id: str, d: dt.date, sightings: Sightings | None = None) -> Row:
    """Every figure of one customer on D.

    `sightings` maps (customer_id, step) to the data date of the run that first saw the flag turn true; a true
    flag without event, engagement or sighting is of the very first import and counts from the signup date.
    """
    customer = find_customer(feeds, customer_id)
    onboarding = find_onboarding(feeds, customer_id)
    steps = dated_steps(feeds, customer, d, sightings or {})
    onboarded = is_onboarded(onboarding, steps, d)
    completed = known_onboarding_day(feeds, customer, d, sightings or {}) if onboarded else None
    rows = rows_of(feeds.engagement, customer_id, None, d)
    days = active_days(rows)

    points = points_of(feeds, customer_id, steps, d)
    score = sum(one or 0 for one in points.values())
    success_rate = percent(total_of(rows, "prs_merged"), total_of(rows, "prs_generated"))

    return {
        "score": score,
        **points,
        "status": status_of(feeds, customer, d, score),
        "trend": trend_of(feeds, customer, d),
        "stage": stage_of(onboarded, steps),
        "steps": {step: step in steps for step in STEPS},
        "steps_done": len(steps),
        "onboarding_percent": percent(len(steps), len(STEPS)),
        "onboarded": onboarded,
        "completed_on": completed,
        "days_to_complete": None if completed is None else (completed - customer["signup_date"]).days,
        "issues_tagged": total_of(rows, "issues_tagged"),
        "prs_generated": total_of(rows, "prs_generated"),
        "prs_merged": total_of(rows, "prs_merged"),
        "support_requests": total_of(rows, "support_requests"),
        "success_rate": None if success_rate is None else min(100, success_rate),
        "days_active": len(days),
        "last_active": days[-1] if days else None,
        "blocker_type": onboarding.get("blocker_type") or "",
    }


def measure_all(feeds: Feeds, d: dt.date, sightings: Sightings | None = None) -> dict[str, Row]:
    """Customer id to figures, for the customers that exist on D: signed up on or before it."""
    measured = {}
    for customer in feeds.customers:
        if customer["signup_date"] <= d:
            measured[customer["id"]] = measure_customer(feeds, customer["id"], d, sightings)
    return measured


def summary(feeds: Feeds, d: dt.date, sightings: Sightings | None = None) -> Row:
    """The summary page on D. Percentages are whole, half up, None where nothing was counted."""
    measured = list(measure_all(feeds, d, sightings).values())
    total = len(measured)
    onboarded = [row for row in measured if row["onboarded"]]
    known = [row["days_to_complete"] for row in onboarded if row["completed_on"] is not None]
    success_rate = percent(total_of(measured, "prs_merged"), total_of(measured, "prs_generated"))
    steps = {step: len([row for row in measured if row["steps"][step]]) for step in STEPS}
    statuses = {status: len([row for row in measured if row["status"] == status]) for status in STATUSES}
    return {
        "total": total,
        "active_today": len([row for row in measured if row["last_active"] == d]),
        "at_risk": statuses["at_risk"],
        "onboarded": len(onboarded),
        "onboarding_rate": percent(len(onboarded), total),
        "success_rate": None if success_rate is None else min(100, success_rate),
        "avg_time_to_value": mean_days(known),
        "onboarding_day_known": len(known),
        "steps": {step: (n, percent(n, total)) for step, n in steps.items()},
        "overall_percent": percent(sum(steps.values()), len(STEPS) * total),
        "statuses": {status: (n, percent(n, total)) for status, n in statuses.items()},
    }


def compared_date(scored: list[dt.date], d: dt.date, days: int) -> dt.date | None:
    """The newest scored date at least so many days before D and at most 7 days older than that."""
    found = [one for one in scored if days_before(d, days + 7) <= one <= days_before(d, days)]
    return max(found) if found else None


def score_change(
    feeds: Feeds, customer_id: str, scored: list[dt.date], d: dt.date, days: int, sightings: Sightings | None = None
) -> int | None:
    """The score on D less the score on the date to compare with; None where there is none."""
    then = compared_date(scored, d, days)
    if then is None or find_customer(feeds, customer_id)["signup_date"] > then:
        return None
    now = measure_customer(feeds, customer_id, d, sightings)["score"]
    return now - measure_customer(feeds, customer_id, then, sightings)["score"]


def retention(feeds: Feeds, members: list[Row], d: dt.date) -> list[tuple[int, int]]:
    """For week 0, 1, 2 ... after the signup: how many were active, of how many for whom that week has ended by D."""
    cells = []
    while True:
        week = len(cells)
        old_enough = [one for one in members if days_before(d, 7 * week + 6) >= one["signup_date"]]
        if not old_enough:
            return cells
        active = 0
        for one in old_enough:
            first = one["signup_date"] + dt.timedelta(days=7 * week)
            if active_days(rows_of(feeds.engagement, one["id"], first, first + dt.timedelta(days=6))):
                active += 1
        cells.append((active, len(old_enough)))


def mean_days(days: list[int]) -> str | None:
    """The mean with one decimal, half up, such as `3.5d`; None without any."""
    if not days:
        return None
    tenths = half_up(Fraction(10 * sum(days), len(days)))
    sign = "-" if tenths < 0 else ""
    return f"{sign}{abs(tenths) // 10}.{abs(tenths) % 10}d"


# Scoring policies


def policy_of(policies: list[Row], cohort: str, stage: str, d: dt.date) -> str | None:
    """The name of the policy that scores a customer on D; None where no policy for everybody is in force."""
    published = [one for one in policies if one["state"] == "published" and one["effective_from"] <= d]
    # The newest comes last, and takes the place of those with the same cohorts and stages.
    published.sort(key=lambda one: (one["effective_from"], one["published_at"]))
    newest = {}
    for one in published:
        newest[tuple(sorted(one["cohorts"])), tuple(sorted(one["stages"]))] = one
    fitting = {}
    for (cohorts, stages), one in newest.items():
        has_ended = one["effective_until"] is not None and one["effective_until"] < d
        if has_ended or (cohorts and cohort not in cohorts) or (stages and stage not in stages):
            continue
        fitting[(1 if cohorts else 0) + (1 if stages else 0)] = one["name"]
    return fitting[max(fitting)] if 0 in fitting else None
