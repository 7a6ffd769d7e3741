"""Keys that seem to have changed: a customer in the feed who looks like one that vanished from it."""

from django.db import models
from django.utils import timezone


class KeyChange(models.Model):
    """Two keys that may be one customer: ``former`` vanished from the feed, ``customer`` is in it.

    ``same_address``: they have one mailbox and one organisation. ``moved_rows`` rows of other feeds went from one to
    the other. ``carried`` is what went over when somebody said that they are the same; undoing that needs it.
    """

    class State(models.TextChoices):
        """What somebody has decided."""

        OPEN = "open", "Not decided"
        JOINED = "joined", "The same customer"
        APART = "apart", "Two customers"

    customer = models.ForeignKey("customers.Customer", models.CASCADE, related_name="former_keys")
    former = models.ForeignKey("customers.Customer", models.CASCADE, related_name="later_keys")
    run = models.ForeignKey("customers.ImportRun", models.PROTECT, related_name="+")
    same_address = models.BooleanField("same address and organisation", default=False)
    moved_rows = models.PositiveIntegerField(default=0)
    noticed_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    carried = models.JSONField(default=dict, editable=False)

    class Meta:
        ordering = ["-pk"]
        default_permissions = ("view",)
        permissions = [("join_customer", "Can say that two customers are the same")]
        constraints = [models.UniqueConstraint(fields=["customer", "former"], name="key_change_once")]

    def __str__(self) -> str:
        # The word tells an id that is a number from any other number, so that an erasure finds it.
        return f"customer {self.former_id} → customer {self.customer_id}"

    @property
    def because(self) -> str:
        """Return why the two look like one customer."""
        reasons = ["the same email address and organisation"] if self.same_address else []
        if self.moved_rows:
            reasons.append(f"{self.moved_rows:,} row{'s' if self.moved_rows > 1 else ''} of other feeds moved")
        return ", and ".join(reasons)
