"""Forecasts: the models that were fitted, as numbers, what they said about each customer, and what came of it."""

from dataclasses import dataclass
from datetime import date
from math import isnan
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from analytics.wording import in_a_row
from customers.indexes import CoveringIndex
from customers.models import Customer
from customers.text import written
from customers.text.choices import SpokenChoices
from customers.text.say import say

HORIZON = 30
"""A forecast is about so many days after its date."""
RECENT = 90
"""Whoever was not active in so many days, up to the date, is quiet already."""
FEWEST_CUSTOMERS = 20
FEWEST_OUTCOMES = 10
"""Customers, and those of them with the rarer outcome: with fewer there is no forecast."""
TOPS = (10, 20, 50)
"""Of each month's end of a back-test, so many of the most likely are looked at on their own."""


class ForecastTarget(SpokenChoices):
    """What is forecast, about the 30 days after a date."""

    QUIET = "quiet", _("Going quiet")
    FIRST_PR = "first_pr", _("First PR")


class ForecastModel(models.Model):
    """What was learnt from the outcomes that were known on a date: numbers only, and never changed."""

    class Method(SpokenChoices):
        """How a probability is found: by the evidence that there is."""

        COUNTS = "counts", _("Counts by days since the last activity")
        LOGISTIC = "logistic", _("Logistic regression")

    target = models.CharField(max_length=20, choices=ForecastTarget)
    method = models.CharField(max_length=20, choices=Method)
    trained_through = models.DateField(help_text=_("Nothing dated later was known to it."))
    definitions = models.PositiveSmallIntegerField(_("version of the features' definitions"))
    fitted_at = models.DateTimeField()

    first_day = models.DateField(_("first day learnt from"))
    rows = models.PositiveIntegerField(help_text=_("Customers on days, a week apart."))
    came_true = models.PositiveIntegerField(help_text=_("Of how many rows it came true."))
    customers = models.PositiveIntegerField()
    rarer = models.PositiveIntegerField(help_text=_("Customers with the rarer outcome."))
    numbers = models.JSONField(help_text=_("Features, coefficients, ranges and groups of like rows."))

    class Meta:
        ordering = ["-trained_through", "-pk"]
        verbose_name = _("forecast model")
        verbose_name_plural = _("forecast models")

    def __str__(self) -> str:
        day = self.trained_through.isoformat()
        return say("{target}, learnt through {day}", target=self.get_target_display(), day=day)


class ForecastDay(models.Model):
    """A date's forecasts of one target in sum, how much there was to learn from, and in time what came of them.

    ``likely``, ``unclear`` and ``unlikely`` count customers; with ``_true`` those of whom it came true by then. The
    sums stay when a customer is erased.
    """

    date = models.DateField()
    target = models.CharField(max_length=20, choices=ForecastTarget)
    model = models.ForeignKey(ForecastModel, models.PROTECT, null=True, help_text=_("None where too little is known."))
    made_at = models.DateTimeField()
    backfilled = models.BooleanField(help_text=_("Made when later dates were known already."))

    customers = models.PositiveIntegerField(help_text=_("Customers among the learning rows."))
    rarer = models.PositiveIntegerField(help_text=_("Of how many there was the rarer outcome."))
    enough_about = models.DateField(null=True, help_text=_("When there should be enough to learn from."))

    likely = models.PositiveIntegerField(default=0)
    unclear = models.PositiveIntegerField(default=0)
    unlikely = models.PositiveIntegerField(default=0)
    compared_at = models.DateTimeField(null=True)
    compared = models.PositiveIntegerField(default=0, help_text=_("Without who was erased by then."))
    likely_true = models.PositiveIntegerField(default=0)
    unclear_true = models.PositiveIntegerField(default=0)
    unlikely_true = models.PositiveIntegerField(default=0)
    squared_error = models.FloatField(default=0, help_text=_("Summed over the forecasts that were compared."))

    class Meta:
        ordering = ["-date", "target"]
        verbose_name = _("forecast day")
        verbose_name_plural = _("forecast days")
        constraints = [models.UniqueConstraint(fields=["date", "target"], name="forecast_day_once")]

    def __str__(self) -> str:
        return say("{what} on {day}", what=self.get_target_display(), day=self.date.isoformat())

    @property
    def too_little(self) -> str:
        """What is lacking to learn from, and about when it will be there; '' where there is enough."""
        lacks = []
        if self.customers < FEWEST_CUSTOMERS:
            lacks.append(say("{have} of {need} customers", have=self.customers, need=FEWEST_CUSTOMERS))
        if self.rarer < FEWEST_OUTCOMES:
            lacks.append(say("{have} of {need} outcomes", have=self.rarer, need=FEWEST_OUTCOMES))
        if self.model_id or not lacks:
            return ""
        if self.enough_about is None:
            return say("Too little to learn from: {lacking}.", lacking=in_a_row(lacks))
        return say(
            "Too little to learn from: {lacking}; at this pace about {month}.",
            lacking=in_a_row(lacks),
            month=written.month(self.enough_about),
        )


class Forecast(models.Model):
    """What was forecast about a customer on a date; never changed.

    ``quiet`` and ``first_pr`` are probabilities in thousandths, None for who is not in the population or where too
    little is known. The features are those of the model of the date, in its order.
    """

    date = models.DateField()
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="forecasts", db_index=False)
    quiet = models.PositiveSmallIntegerField(null=True)
    quiet_features = models.JSONField(null=True)
    first_pr = models.PositiveSmallIntegerField(null=True)
    first_pr_features = models.JSONField(null=True)

    class Meta:
        ordering = ["-date", "customer_id"]
        verbose_name = _("forecast")
        verbose_name_plural = _("forecasts")
        constraints = [models.UniqueConstraint(fields=["customer", "date"], name="forecast_once")]
        indexes = [models.Index(fields=["date", "quiet"], name="forecast_date_quiet")]

    def __str__(self) -> str:
        return f"{self.customer_id} on {self.date}"


@dataclass(frozen=True)
class Figure:
    """A figure of a back-test with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether there were cases of both outcomes, without which some figures are no numbers."""
        return not isnan(self.value + self.low + self.high)

    @property
    def verdict(self) -> int:
        """Return 1 where the interval of a skill is above zero, -1 where it is below, and 0 where zero is in it."""
        return (self.low > 0) - (self.high < 0)


class ForecastAccuracy(models.Model):
    """What a back-test found: forecasts of the ends of past months beside what came true."""

    target = models.CharField(max_length=20, choices=ForecastTarget)
    through = models.DateField(help_text=_("Outcomes up to this date were known."))
    made_at = models.DateTimeField()

    first = models.DateField(_("first month's end"), null=True)
    last = models.DateField(_("last month's end"), null=True)
    months = models.PositiveIntegerField()
    cases = models.PositiveIntegerField(help_text=_("Customers on months' ends."))
    customers = models.PositiveIntegerField()
    came_true = models.PositiveIntegerField(help_text=_("Of how many cases it came true."))
    figures = models.JSONField(help_text=_("AUC, Brier score and skills with their intervals; curves and counts."))
    misses = models.JSONField(help_text=_("The worst misses: customer, date, percent, and whether it came true."))

    class Meta:
        ordering = ["-through", "-pk"]
        verbose_name = _("forecast accuracy")
        verbose_name_plural = _("forecast accuracy")

    def __str__(self) -> str:
        return say("{target} through {day}", target=self.get_target_display(), day=self.through.isoformat())


class ForecastCaseQuerySet(models.QuerySet["ForecastCase"]):
    """Cases of the newest back-test, as in ``ForecastCase.objects.of(ForecastTarget.QUIET).on(day)``."""

    def of(self, target: ForecastTarget) -> Self:
        """Return the cases of one forecast, whether it was made or not."""
        return self.filter(target=target)

    def on(self, day: date) -> Self:
        """Return the cases of a month's end: the whole population; none of another date, or before its outcome."""
        return self.filter(date=day)

    def forecast(self) -> Self:
        """Return the cases with a forecast, which are those that the figures of the accuracy count."""
        return self.filter(probability__isnull=False)


class ForecastCase(models.Model):
    """A customer in the population of a forecast at a month's end, what was forecast, and what came true.

    Of every month's end whose ``HORIZON`` days are over. Each back-test replaces them all: they are those of the
    newest ``ForecastAccuracy`` of the target. Whoever is erased goes, and stays in its counts.
    """

    target = models.CharField(max_length=20, choices=ForecastTarget)
    date = models.DateField(_("month's end"))
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="forecast_cases", db_index=False)
    probability = models.PositiveSmallIntegerField(null=True, help_text=_("Thousandths; None: too little was known."))
    came_true = models.BooleanField()
    acted = models.BooleanField(help_text=_("Whether somebody acted in the days that the forecast is about."))
    rank = models.PositiveSmallIntegerField(
        null=True, help_text=_("Among the most likely of the date; None further on.")
    )
    lead_days = models.SmallIntegerField(
        null=True, help_text=_("On one case of each silence that was called: from the call to the last quiet day.")
    )

    objects = ForecastCaseQuerySet.as_manager()

    class Meta:
        ordering = ["target", "-date", "-probability", "customer_id"]
        verbose_name = _("forecast case")
        verbose_name_plural = _("forecast cases")
        constraints = [models.UniqueConstraint(fields=["customer", "target", "date"], name="forecast_case_once")]
        indexes = [
            CoveringIndex(
                fields=["target", "date", "probability"],
                covered=("customer", "came_true", "acted"),
                name="forecast_case_counts",
            ),
            models.Index(fields=["target", "rank"], name="forecast_case_rank", condition=models.Q(rank__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.get_target_display()}, {self.customer_id} on {self.date}"
