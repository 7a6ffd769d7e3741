"""Drafts, and random policies and programs for the tests that compare what two ways say of them."""

from datetime import date
from typing import Any

from hypothesis import strategies as st

from analytics.models import ScoringPolicy
from tests.factories import make_customer, make_engagement, make_feedback, make_onboarding, make_policy

STAGES = ("new_signup", "onboarding", "initial_adoption", "regular_usage")
COHORTS = ("A", "B", "C")
SEGMENTS = st.fixed_dictionaries(
    {
        "cohorts": st.lists(st.sampled_from(COHORTS), unique=True, max_size=3),
        "stages": st.lists(st.sampled_from(STAGES), unique=True, max_size=3),
    }
)
POLICIES = st.fixed_dictionaries(
    {
        "activity_points_per_day": st.integers(0, 9),
        "activity_days": st.integers(1, 9),
        "support_days": st.integers(1, 40),
        "pr_days": st.integers(1, 40),
        "inactive_days": st.integers(1, 20),
        "trend_days": st.integers(2, 9),
        "healthy_from": st.integers(51, 84),
    }
)
"""Numbers of policies that can score, as keyword arguments."""


def make_draft(name: str = "Draft", **overrides: Any) -> ScoringPolicy:
    """A draft for everybody, unless told otherwise."""
    return make_policy(name, effective_from=None, state="draft", **overrides)


def make_program(data: st.DataObject) -> None:
    """A few customers of some cohorts in all stages, with some days of activity and answers up to 2025-05-10."""
    for number in range(data.draw(st.integers(1, 5))):
        signed_up = date(2025, 4, data.draw(st.integers(1, 30)))
        cohort = data.draw(st.sampled_from([*COHORTS, ""]))
        customer = make_customer(id=f"c{number}", cohort=cohort, signup_date=signed_up)
        steps = data.draw(st.sets(st.sampled_from(["account_created", "first_issue_tagged", "first_pr_generated"])))
        done = data.draw(st.sampled_from([None, date(2025, 5, 9)]))
        make_onboarding(customer, **dict.fromkeys(steps, True), completed_date=done)
        for day in data.draw(st.sets(st.integers(1, 10), max_size=6)):
            generated, requests = data.draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
            counters = {"prs_generated": generated, "prs_merged": generated // 2, "support_requests": requests}
            make_engagement(customer, date(2025, 5, day), **counters)
        if answer := data.draw(st.sampled_from([None, {"csat": 4}, {"nps": 6}])):
            make_feedback(customer, date(2025, 5, 2), **answer)
