"""The dates of onboarding steps, which the feed gives only as flags."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models.feeds import Customer, Step
from customers.models.imports import ImportRun

COUNTER_OF_STEP = {Step.FIRST_ISSUE: "issues_tagged", Step.FIRST_PR: "prs_generated"}
"""The steps that engagement dates, where no event does."""


class StepSighting(models.Model):
    """The first time that a run saw a step's flag as true, for steps that nothing else dates.

    ``seen_on`` is the data date of that night; it is empty while the night's feeds are still loading, and for
    good where the flag was true ``at_first_import`` (such a step counts from the signup date).
    """

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="step_sightings", db_index=False)
    step = models.CharField(max_length=30, choices=Step)
    seen_on = models.DateField(null=True)
    at_first_import = models.BooleanField(default=False)
    run = models.ForeignKey(ImportRun, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["pk"]
        verbose_name = _("step sighting")
        verbose_name_plural = _("step sightings")
        constraints = [models.UniqueConstraint(fields=["customer", "step"], name="sighting_once")]

    def __str__(self) -> str:
        return f"{self.step} of {self.customer_id}"
