"""Who a user is at the OpenID provider that logs them in."""

from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone


class ProviderIdentity(models.Model):
    """The lasting name that a provider has for a person, whatever their address becomes; a user has one of each."""

    user = models.ForeignKey(User, models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    linked_at = models.DateTimeField("linked", default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="one_user_of_identity"),
            models.UniqueConstraint(fields=["user", "issuer"], name="one_identity_of_user"),
        ]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user.get_username()} at {self.issuer}"
