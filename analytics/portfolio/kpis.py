"""The six key figures of a scored date: name, how it is shown, and which way is good."""

from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.models import PortfolioDay
from analytics.rounding import mean_tenths, percent, success_rate
from analytics.wording import DASH, MINUS, counted, days_in_tenths
from customers.text.say import in_english
from customers.text.written import number, percentage

_DEFINITIONS = {
    "total_customers": _("Customers who had signed up by this date."),
    "active_today": _("Customers with any activity on this date."),
    "at_risk": _("Customers whose health score is below the scoring policy's limit; inactive ones are apart."),
    "onboarding_rate": _("Customers who have completed onboarding, as a share of all customers."),
    "success_rate": _("Pull requests that were merged, as a share of those that were generated, up to this date."),
    "avg_time_to_value": _("Average days from signup to the end of onboarding, where both days are known."),
}


@dataclass(frozen=True)
class Kpi:
    """A key figure; ``number`` is in its smallest unit (of days: tenths), None where nothing was counted.

    A change by less than ``least`` has no meaning, nor any where neither way is ``good``.
    """

    key: str
    label: str
    number: int | None
    unit: Literal["", "%", "d"] = ""
    good: Literal[1, 0, -1] = 1
    least: int = 1

    @property
    def definition(self) -> str:
        """What is counted, as people are told."""
        return kpi_definition(self.key)

    @property
    def value(self) -> int | str | None:
        """The figure in files: a whole number, or days such as ``3.5d``."""
        with in_english():
            return self.text if self.unit == "d" and self.number is not None else self.number

    @property
    def text(self) -> str:
        """The figure in words; a dash where nothing was counted."""
        if self.number is None:
            return DASH
        return self._amount(self.number)

    def difference(self, earlier: "Kpi") -> int | None:
        """Return how much more it is than ``earlier``, as both are shown; None where one of them is a dash."""
        return None if self.number is None or earlier.number is None else self.number - earlier.number

    def change(self, difference: int, points: str) -> str:
        """Say a difference other than 0 with its sign; that of percentages is in ``points``."""
        size = abs(difference)
        amount = counted(size, points) if self.unit == "%" else self._amount(size)
        return f"{'+' if difference > 0 else MINUS}{amount}"

    def _amount(self, size: int) -> str:
        if self.unit == "d":
            return days_in_tenths(size)
        return percentage(size) if self.unit == "%" else number(size)


def kpi_definition(key: str) -> str:
    """Say what the figure of a key counts, as people are told."""
    return str(_DEFINITIONS[key])


def kpis(portfolio: PortfolioDay) -> list[Kpi]:
    """Return the key figures in the order of pages, mails and files."""
    one = portfolio
    days_to_value = mean_tenths(one.days_to_value, one.days_known)
    return [
        Kpi("total_customers", gettext("Total customers"), one.total, good=0),
        # It goes up and down with the days of the week.
        Kpi("active_today", gettext("Active today"), one.active_today, least=max(2, one.active_today // 10)),
        Kpi("at_risk", gettext("At risk"), one.at_risk, good=-1),
        Kpi("onboarding_rate", gettext("Onboarding rate"), percent(one.onboarded, one.total), "%"),
        Kpi("success_rate", gettext("Success rate"), success_rate(one.prs_merged, one.prs_generated), "%", least=2),
        Kpi("avg_time_to_value", gettext("Average time to value"), days_to_value, "d", good=-1, least=5),
    ]


def summary(portfolio: PortfolioDay) -> dict[str, int | str | None]:
    """Return the key figures for a file, and over how many the mean time to value is."""
    return {
        **{kpi.key: kpi.value for kpi in kpis(portfolio)},
        "onboarded": portfolio.onboarded,
        "onboarding_day_known": portfolio.days_known,
    }
