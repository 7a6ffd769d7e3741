"""Programs that use the API: their accounts and tokens.

Ours rather than django-rest-knox's: that one deletes what has expired, and knows neither scopes nor networks.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Self

from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.text.choices import SpokenChoices


class ServiceAccount(models.Model):
    """Marks an account as a program's: it has a role, but no password, and is not offered where people are."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="service_account")

    class Meta:
        verbose_name = _("service account")
        verbose_name_plural = _("service accounts")
        default_permissions = ()

    def __str__(self) -> str:
        return self.user.get_username()


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Tokens by whether they can be used."""

    def valid(self) -> Self:
        """Return the tokens that are neither revoked nor expired."""
        return self.filter(revoked_at=None, expires_at__gt=timezone.now())


class ApiToken(models.Model):
    """What a program shows to act for ``user``: at most what the user's roles and the token's ``scopes`` allow.

    The secret is nowhere; ``digest`` is its SHA-256, which suffices for 256 random bits, and ``shown`` are its first
    characters. ``networks`` are those that it may come from; of none, any.
    """

    class Scope(SpokenChoices):
        """What a token is for; a role without the permission gains none by it."""

        READ = "read", _("Read")
        WRITE = "write", _("Write tasks and notes")
        INGEST = "ingest", _("Send data")
        METRICS = "metrics", _("Read metrics")

    PREFIX = "rsolv_"
    RANDOM_BYTES = 32
    SHOWN_CHARACTERS = len(PREFIX) + 4
    EXPIRES_AFTER = timedelta(days=90)
    PER_MINUTE = 600

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=100)
    digest = models.CharField(_("SHA-256"), max_length=64, unique=True, editable=False)
    shown = models.CharField(_("begins with"), max_length=20, editable=False)
    scopes = models.JSONField(default=list)
    expires_at = models.DateTimeField(_("expires"))
    networks = models.JSONField(default=list, blank=True)
    per_minute = models.PositiveIntegerField(_("requests a minute"), default=PER_MINUTE)
    # How far the database was when the token was last used to write, for its reads from a replica.
    written = models.BigIntegerField(default=0, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    revoked_by = models.CharField(_("revoked by"), max_length=150, blank=True, editable=False)
    made_at = models.DateTimeField(_("made"), default=timezone.now, editable=False)
    made_by = models.CharField(_("made by"), max_length=150, blank=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        default_permissions = ("add", "change", "view")

    def __str__(self) -> str:
        return f"{self.name} ({self.shown}…)"

    @classmethod
    def make(cls, user: User, name: str, scopes: list[str], **more: object) -> tuple[Self, str]:
        """Store a new token; return it with its secret, which is known this once only."""
        secret = cls.PREFIX + secrets.token_urlsafe(cls.RANDOM_BYTES)
        given = {"expires_at": timezone.now() + cls.EXPIRES_AFTER, **more}
        token = cls(user=user, name=name, scopes=scopes, digest=cls.digest_of(secret), **given)
        token.shown = secret[: cls.SHOWN_CHARACTERS]
        token.save(force_insert=True)
        return token, secret

    @staticmethod
    def digest_of(secret: str) -> str:
        """Return what is stored of a secret."""
        return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()

    def is_expired(self, at: datetime) -> bool:
        """Return whether the token is too old at a moment."""
        return self.expires_at <= at

    def may_come_from(self, address: str | None) -> bool:
        """Return whether an address is in one of the networks; an unknown one is in none."""
        if not self.networks:
            return True
        return address is not None and any(ip_address(address) in ip_network(each) for each in self.networks)
