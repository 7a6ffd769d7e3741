"""What the onboarding feed says beyond its columns."""

from customers.models import (
    Step,
)

COUNTER_OF_STEP = {Step.FIRST_ISSUE: "issues_tagged", Step.FIRST_PR: "prs_generated"}
"""The steps that engagement dates, where no event does."""
