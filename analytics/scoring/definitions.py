"""What statuses and trends mean by a scoring policy, as people are told behind a "?"."""

from analytics.models import HealthStatus, PortfolioDay, ScoringPolicy, Trend
from analytics.wording import MINUS, counted, in_a_row


def status_definition(policy: ScoringPolicy) -> str:
    """Say from which score on a customer has which health status, and when one is Inactive."""
    return (
        f"By the health score: {HealthStatus.CHAMPION.label} from {policy.champion_from}, "
        f"{HealthStatus.HEALTHY.label} from {policy.healthy_from}, "
        f"{HealthStatus.NEEDS_ATTENTION.label} from {policy.needs_attention_from}, "
        f"{HealthStatus.AT_RISK.label} below. {HealthStatus.INACTIVE.label}: no activity for "
        f"{counted(policy.inactive_days, 'day')}, or the account is paused, inactive or churned."
    )


def portfolio_definition(portfolio: PortfolioDay) -> str:
    """Say the same of a whole portfolio, whose segments may have policies of their own."""
    own = in_a_row(list(portfolio.segment_policies.values()))
    others = f" Some customers have a policy of their own: {own}." if own else ""
    return f"{status_definition(portfolio.policy)}{others}"


def trend_definition(policy: ScoringPolicy) -> str:
    """Say which activity is compared with which, and from where on it is a change."""
    return (
        f"Issues and PRs of the last {counted(policy.trend_days, 'day')}, compared with as many days before. "
        f"{Trend.IMPROVING.label} from +{policy.trend_percent}%, "
        f"{Trend.DECLINING.label} from {MINUS}{policy.trend_percent}%."
    )
