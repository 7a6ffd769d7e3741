"""A small program with two months' ends whose scores and outcomes are worked out by hand, and larger made-up ones."""

from dataclasses import replace
from datetime import date

import numpy as np
from django.utils import timezone

from analytics.models import PolicyTrial, ScoringPolicy
from analytics.page_cache.version import DataVersion
from analytics.policy_lab.back_test.trials import MonthCases, PolicyBackTest, Scores
from customers.models import Customer
from tests.factories import make_customer, make_day, make_engagement, make_forecast_case, make_onboarding
from tests.support.policies import make_draft

FEB, MAR = date(2025, 2, 28), date(2025, 3, 31)
NEWEST = date(2025, 5, 10)
MORE_ACTIVITY = {"activity_max": 50, "activity_points_per_day": 10, "pr_max": 5}
"""Up to 50 points for activity, 10 a day, in place of 30 and 5; 5 for PRs in place of 25."""
BEFORE = {"ann": 45, "bob": 60, "cyd": 50, "dan": 25, "eve": 15}
"""Ann: 7 active days (30), support (15). Bob: PRs (25), four steps (20), support. Cyd: PRs, two steps (10), support.
Dan: 2 active days (10), support. Eve: support; Inactive. So Ann and Dan are At risk."""
AFTER = {"ann": 65, "bob": 40, "cyd": 30, "dan": 35, "eve": 15}
"""Ann: 50 + 15. Bob: 5 + 20 + 15. Cyd: 5 + 10 + 15. Dan: 20 + 15. So Bob, Cyd and Dan are At risk."""
WENT_QUIET = {FEB: {"bob", "eve"}, MAR: {"ann", "cyd"}}
"""Eve is in the population of February alone."""
VERSION = DataVersion(1, "then", 0)


def plant() -> ScoringPolicy:
    """Make the five customers with their outcomes and a scored date, and return the draft."""
    customers = {key: make_customer(id=key, organization=key.title(), signup_date=date(2025, 1, 1)) for key in BEFORE}
    steps = ("account_created", "github_action_installed", "first_issue_tagged", "first_pr_generated")
    make_onboarding(customers["bob"], **dict.fromkeys(steps, True))
    make_onboarding(customers["cyd"], **dict.fromkeys(steps[:2], True))
    make_engagement(customers["eve"], date(2025, 1, 5), issues_tagged=1)
    for day in WENT_QUIET:
        _be_active(customers, day)
        for key in sorted(BEFORE if day == FEB else BEFORE.keys() - {"eve"}):
            make_forecast_case(customers[key], date=day, came_true=key in WENT_QUIET[day])
    make_day(date=NEWEST)
    return make_draft(**MORE_ACTIVITY)


def _be_active(customers: dict[str, Customer], day: date) -> None:
    """Let those but Eve be active before a month's end."""
    for ago in range(7):
        make_engagement(customers["ann"], date.fromordinal(day.toordinal() - ago), issues_tagged=1)
    for ago in range(2):
        make_engagement(customers["dan"], date.fromordinal(day.toordinal() - ago), issues_tagged=1)
    for key in ("bob", "cyd"):
        make_engagement(customers[key], date.fromordinal(day.toordinal() - 8), prs_generated=4, prs_merged=4)


def back_test(draft: ScoringPolicy, version: DataVersion = VERSION) -> PolicyBackTest:
    """The back-test of a draft, beside what is in force on the newest date."""
    return PolicyBackTest.of(draft, NEWEST, version)


def made_up(seed: int, *, shuffled: bool, customers: int = 200, months: int = 6) -> dict[date, MonthCases]:
    """Months whose draft tells at once who goes quiet, while the scores in force know nothing.

    Shuffled, each outcome is somebody else's, so that the draft knows nothing either.
    """
    rng = np.random.default_rng(seed)
    found = {}
    for month in range(1, months + 1):
        went_quiet = rng.random(customers) < 0.3
        after = np.where(went_quiet, rng.integers(10, 60, customers), rng.integers(40, 90, customers))
        before = rng.integers(20, 80, customers)
        said = rng.permutation(went_quiet) if shuffled else went_quiet
        found[date(2025, month, 28)] = MonthCases(
            customers=[f"c{place:03}" for place in range(customers)],
            went_quiet=said.tolist(),
            since=[3] * customers,
            before=_side(before),
            after=_side(after),
            by_draft=[True] * customers,
            shares={
                "activity": (after + 10).tolist(),
                "pr_success": before.tolist(),
                "adoption": rng.integers(0, 101, customers).tolist(),
                "support": [100] * customers,
                "nps": [0] * customers,
            },
        )
    return found


def _side(scores: np.ndarray) -> Scores:
    return Scores(scores.tolist(), (scores < 50).tolist())


def keep(asked: PolicyBackTest, months: dict[date, MonthCases]) -> PolicyBackTest:
    """Keep months as those of a back-test, and return it with their days."""
    for day, one in months.items():
        PolicyTrial.objects.create(
            draft=asked.draft,
            date=day,
            key=asked.key,
            made_at=timezone.now(),
            counts=one.counts(),
            cases=one.packed(),
        )
    return replace(asked, days=sorted(months, reverse=True))
