"""A small program whose scores are worked out by hand, by the first policy and by a draft."""

from datetime import date

from analytics.models import ScoringPolicy
from analytics.scoring.snapshots import score_day
from tests.factories import make_customer, make_engagement, make_feedback, make_onboarding

D = date(2025, 5, 10)
MORE_ACTIVITY = {"activity_max": 50, "activity_points_per_day": 10, "pr_max": 5}
"""Up to 50 points for activity, 10 a day, in place of 30 and 5; 5 for PRs in place of 25."""
BY_FIRST = {"ann": 45, "bob": 70, "cyd": 50, "dan": 25, "eve": 15}
"""Ann: 7 active days (30), support (15). Bob: PRs (25), four steps (20), support (15), NPS (10). Cyd: PRs (25), two
steps (10), support (15). Dan: 2 active days (10), support (15). Eve: support (15), away for weeks."""
BY_DRAFT = {"ann": 65, "bob": 50, "cyd": 30, "dan": 35, "eve": 15}
"""Ann: 50 + 15. Bob: 5 + 20 + 15 + 10. Cyd: 5 + 10 + 15. Dan: 20 + 15."""


def publish(draft: ScoringPolicy, day: date) -> None:
    """Let a draft be in force from a day on."""
    draft.state, draft.effective_from = ScoringPolicy.State.PUBLISHED, day
    draft.save()


def plant() -> None:
    """Make the five customers, long signed up, and score D by the first policy."""
    ann, bob, cyd, dan, eve = (
        make_customer(id=name, organization=name.title(), signup_date=date(2025, 3, 1)) for name in BY_FIRST
    )
    for day in range(4, 11):
        make_engagement(ann, date(2025, 5, day), issues_tagged=1)
    for one in (bob, cyd):
        make_engagement(one, date(2025, 5, 1), prs_generated=4, prs_merged=4)
    for day in (9, 10):
        make_engagement(dan, date(2025, 5, day), issues_tagged=1)
    make_engagement(eve, date(2025, 4, 1), issues_tagged=1)
    steps = ("account_created", "github_action_installed", "first_issue_tagged", "first_pr_generated")
    make_onboarding(bob, **dict.fromkeys(steps, True))
    make_onboarding(cyd, **dict.fromkeys(steps[:2], True))
    make_feedback(bob, date(2025, 5, 2), nps=10)
    score_day(D)
