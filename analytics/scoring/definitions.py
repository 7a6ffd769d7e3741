"""What statuses and trends mean by a scoring policy, as people are told behind a "?"."""

from analytics.models import HealthStatus, PortfolioDay, ScoringPolicy, Trend
from analytics.wording import MINUS, in_a_row
from customers.text.say import say, say_n
from customers.text.written import percentage


def status_definition(policy: ScoringPolicy) -> str:
    """Say from which score on a customer has which health status, and when one is Inactive."""
    return say_n(
        "By the health score: {champion} from {champion_from}, {healthy} from {healthy_from},"
        " {needs_attention} from {needs_attention_from}, {at_risk} below."
        " {inactive}: no activity for {number} day, or the account is paused, inactive or churned.",
        "By the health score: {champion} from {champion_from}, {healthy} from {healthy_from},"
        " {needs_attention} from {needs_attention_from}, {at_risk} below."
        " {inactive}: no activity for {number} days, or the account is paused, inactive or churned.",
        policy.inactive_days,
        champion_from=policy.champion_from,
        healthy_from=policy.healthy_from,
        needs_attention_from=policy.needs_attention_from,
        **{status.value: status.label for status in HealthStatus},
    )


def portfolio_definition(portfolio: PortfolioDay) -> str:
    """Say the same of a whole portfolio, whose segments may have policies of their own."""
    definition, own = status_definition(portfolio.policy), in_a_row(list(portfolio.segment_policies.values()))
    if not own:
        return definition
    others = say("Some customers have a policy of their own: {names}.", names=own)
    return f"{definition} {others}"


def trend_definition(policy: ScoringPolicy) -> str:
    """Say which activity is compared with which, and from where on it is a change."""
    percent = percentage(policy.trend_percent)
    up, down = f"+{percent}", f"{MINUS}{percent}"
    return say_n(
        "Issues and PRs of the last {number} day, compared with as many days before."
        " {improving} from {up}, {declining} from {down}.",
        "Issues and PRs of the last {number} days, compared with as many days before."
        " {improving} from {up}, {declining} from {down}.",
        policy.trend_days,
        improving=Trend.IMPROVING.label,
        up=up,
        declining=Trend.DECLINING.label,
        down=down,
    )
