"""Keys that seem to have changed: a customer in the feed who looks like one that vanished from it."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from customers.text.choices import SpokenChoices
from customers.text.say import say, say_n


class KeyChange(models.Model):
    """Two keys that may be one customer: ``former`` vanished from the feed, ``customer`` is in it.

    ``same_address``: they have one mailbox and one organisation. ``moved_rows`` rows of other feeds went from one to
    the other. ``carried`` is what went over when somebody said that they are the same; undoing that needs it.
    """

    class State(SpokenChoices):
        """What somebody has decided."""

        OPEN = "open", _("Not decided")
        JOINED = "joined", _("The same customer")
        APART = "apart", _("Two customers")

    customer = models.ForeignKey("customers.Customer", models.CASCADE, related_name="former_keys")
    former = models.ForeignKey("customers.Customer", models.CASCADE, related_name="later_keys")
    run = models.ForeignKey("customers.ImportRun", models.PROTECT, related_name="+", verbose_name=_("run"))
    same_address = models.BooleanField(_("same address and organisation"), default=False)
    moved_rows = models.PositiveIntegerField(default=0)
    noticed_at = models.DateTimeField(_("noticed at"), default=timezone.now)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    carried = models.JSONField(default=dict, editable=False)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("key change")
        verbose_name_plural = _("key changes")
        default_permissions = ("view",)
        permissions = [("join_customer", gettext_noop("Can say that two customers are the same"))]
        constraints = [models.UniqueConstraint(fields=["customer", "former"], name="key_change_once")]

    def __str__(self) -> str:
        # The word tells an id that is a number from any other number, so that an erasure finds it.
        return say("customer {former} → customer {customer}", former=self.former_id, customer=self.customer_id)

    @property
    def because(self) -> str:
        """Return why the two look like one customer."""
        if not self.moved_rows:
            return gettext("the same email address and organisation") if self.same_address else ""
        if not self.same_address:
            return say_n("{number} row of other feeds moved", "{number} rows of other feeds moved", self.moved_rows)
        return say_n(
            "the same email address and organisation, and {number} row of other feeds moved",
            "the same email address and organisation, and {number} rows of other feeds moved",
            self.moved_rows,
        )
