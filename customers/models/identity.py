"""Who a user is at the OpenID provider that logs them in."""

from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.text.say import say


class ProviderIdentity(models.Model):
    """The lasting name that a provider has for a person, whatever their address becomes; a user has one of each."""

    user = models.ForeignKey(User, models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    linked_at = models.DateTimeField("linked", default=timezone.now)

    class Meta:
        verbose_name = _("provider identity")
        verbose_name_plural = _("provider identities")
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="one_user_of_identity"),
            models.UniqueConstraint(fields=["user", "issuer"], name="one_identity_of_user"),
        ]
        default_permissions = ()

    def __str__(self) -> str:
        return say("{login} at {issuer}", login=self.user.get_username(), issuer=self.issuer)
