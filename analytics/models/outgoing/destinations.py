"""Destinations: where customers' figures are pushed to, in which fields there, and what each is known to have."""

import re

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from customers.text.choices import SpokenChoices
from customers.text.say import say

_VARIABLES = re.compile(r"CRM_[A-Z0-9]+(?:_[A-Z0-9]+)*")
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9]+_")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_OF_HUBSPOT, _OF_SALESFORCE = "hs_", "__c"
"""How the names of HubSpot's own fields begin, and those of Salesforce's custom ones end."""


class PushedValue(SpokenChoices):
    """What of a customer can be pushed; ``analytics.crm.values`` says what each is."""

    SCORE = "score", _("Score")
    STATUS = "status", _("Health status")
    TREND = "trend", _("Activity trend")
    STAGE = "stage", _("Stage")
    PROGRESS = "progress", _("Onboarding in percent")
    LAST_ACTIVE = "last_active", _("Last active")
    FORECAST_QUIET = "forecast_quiet", _("Forecast: going quiet, in percent")
    FORECAST_FIRST_PR = "forecast_first_pr", _("Forecast: first PR, in percent")
    OWNER = "owner", _("Owner")
    BLOCKER = "blocker", _("Blocker")
    ALERTS = "alerts", _("Open alerts")
    LINK = "link", _("Link to the customer’s page")


class FieldMode(SpokenChoices):
    """When a value is written into a field there; the match key alone is the identifier."""

    IDENTIFIER = "identifier", _("Identifier")
    OVERWRITE = "overwrite", _("Overwrite")
    FILL_NEW = "fill_new", _("Fill if new")
    FILL_EMPTY = "fill_empty", _("Fill if empty")


class Destination(models.Model):
    """A place that customers are pushed to. Credentials are variables of the environment, of which it has the names.

    ``fields`` are those there: ``{"score": {"name": "rsolv_score", "mode": "overwrite"}, ...}``. Each begins with
    ``prefix``, as the match key does, which holds our customer id.
    """

    class Kind(SpokenChoices):
        """Which adapter of ``analytics.crm`` pushes to it."""

        CHANGED_ROWS = "changed_rows", _("File of changed rows")
        HUBSPOT = "hubspot", _("HubSpot")
        SALESFORCE = "salesforce", _("Salesforce")

    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    variables = models.CharField(
        _("variables begin with"),
        max_length=60,
        blank=True,
        help_text=_("The environment has the credentials under such names, as CRM_HUBSPOT_TOKEN. A file has none."),
    )
    prefix = models.CharField(
        _("prefix of our fields"), max_length=20, default="rsolv_", help_text=_("No field without it is ever written.")
    )
    match_key = models.CharField(
        _("match key"),
        max_length=100,
        default="rsolv_customer_id",
        help_text=_("The field there that holds our customer id."),
    )
    fields = models.JSONField(_("fields"), default=dict)
    enabled = models.BooleanField(_("on"), default=True)
    nightly = models.BooleanField(_("pushed each night"), default=False)

    class Meta:
        ordering = ["name"]
        verbose_name = _("destination")
        verbose_name_plural = _("destinations")
        permissions = [("push_destination", gettext_noop("Can push to destinations, and undo it"))]

    def __str__(self) -> str:
        return self.name

    @property
    def ours(self) -> set[str]:
        """Return every field there that may be written, the match key among them."""
        return {self.match_key, *(field["name"] for field in self.fields.values())}

    def clean(self) -> None:
        """Refuse credentials that are no names of variables, and fields that are not ours."""
        faults: dict[str, str] = {}
        if self.kind == self.Kind.CHANGED_ROWS:
            self.variables = ""
        elif not _VARIABLES.fullmatch(self.variables):
            faults["variables"] = gettext(
                "Give the beginning of variables' names, such as CRM_HUBSPOT: capitals after CRM_."
            )
        if not _PREFIX.fullmatch(self.prefix):
            faults["prefix"] = gettext(
                "Give at least two letters or digits with an underscore behind them, such as rsolv_."
            )
        elif self.kind == self.Kind.HUBSPOT and self.prefix.lower() == _OF_HUBSPOT:
            faults["prefix"] = gettext(
                "Fields that begin with hs_ are HubSpot’s own. Give another one, such as rsolv_."
            )
        elif fault := self._fault_of(self.match_key):
            faults["match_key"] = fault
        if faults:
            raise ValidationError(faults)
        self._refuse_fields()

    def _fault_of(self, name: str) -> str:
        """Return what is wrong with the name of a field there; '' where nothing is."""
        if not (_FIELD.fullmatch(name) and name.startswith(self.prefix) and name != self.prefix):
            return say(
                "“{name}” is no field of ours: its name begins with {prefix}, in letters, digits and _.",
                name=name,
                prefix=self.prefix,
            )
        if self.kind == self.Kind.SALESFORCE and not name.endswith(_OF_SALESFORCE):
            return say(
                "“{name}” is no custom field of Salesforce: its API name ends in {ending}.",
                name=name,
                ending=_OF_SALESFORCE,
            )
        return ""

    def _refuse_fields(self) -> None:
        taken = {self.match_key.lower()}
        for value, field in self.fields.items():
            if value not in PushedValue.values or field["mode"] not in set(FieldMode) - {FieldMode.IDENTIFIER}:
                raise ValidationError(say("“{value}” cannot be pushed like this.", value=value))
            label = PushedValue(value).label
            if fault := self._fault_of(field["name"]):
                raise ValidationError(f"{label}: {fault}")
            if field["name"].lower() in taken:
                raise ValidationError(
                    say("{label}: two values cannot be pushed into {field}.", label=label, field=field["name"])
                )
            taken.add(field["name"].lower())
        if not self.fields:
            raise ValidationError(gettext("Choose at least one value that is pushed."))


class PushedCustomer(models.Model):
    """What a destination has of a customer, as far as we wrote it: the values in its fields.

    ``content_hash`` is that of the fields that are overwritten; '' where it is not known what is there. ``filled``
    are the fields that are filled but once, and have something by now.
    """

    destination = models.ForeignKey(Destination, models.CASCADE, related_name="customers")
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="pushed_values")
    push = models.ForeignKey(
        "analytics.Push", models.PROTECT, related_name="+", help_text=_("The last one that wrote it.")
    )
    values = models.JSONField(default=dict)
    content_hash = models.CharField(max_length=64, blank=True)
    filled = models.JSONField(default=list)

    class Meta:
        verbose_name = _("pushed customer")
        verbose_name_plural = _("pushed customers")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["destination", "customer"], name="pushed_customer_once")]

    def __str__(self) -> str:
        return f"{self.customer_id} in {self.destination_id}"
