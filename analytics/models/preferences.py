"""What each person has chosen for themselves."""

import zoneinfo
from datetime import tzinfo
from functools import cache

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.models.placeholders import has_control
from customers.text.choices import SpokenChoices
from customers.text.say import say
from customers.text.text_fields import LongText


@cache
def time_zones() -> tuple[str, ...]:
    """Return the names of the time zones that somebody may choose, such as ``Europe/Berlin``, in order."""
    places = ("Africa/", "America/", "Antarctica/", "Arctic/", "Asia/", "Atlantic/", "Australia/", "Europe/")
    known = zoneinfo.available_timezones()
    return tuple(sorted(name for name in known if name == "UTC" or name.startswith((*places, "Indian/", "Pacific/"))))


def validate_time_zone(name: str) -> None:
    """Raise ``ValidationError`` for what is no time zone."""
    if name not in time_zones():
        raise ValidationError(gettext("Choose a time zone from the list."), code="invalid")


def validate_signature(text: str) -> None:
    """Raise ``ValidationError`` for what a mail may not have."""
    if has_control(text):
        raise ValidationError(gettext("The text has a control character."), code="invalid")


class Preferences(models.Model):
    """One row for each person who has chosen anything; what is blank follows the settings.

    ``columns`` are those of the customer table in their order: ``[{"name": "score", "width": 120}]``, the width in
    pixels or left out. It is ``[]`` for the usual ones. ``default_view`` is a page of ``analytics.preferences``.
    ``pinned_reports`` are the keys of the reports over that table, in their order; one may be gone meanwhile.
    """

    class Channel(SpokenChoices):
        """How a digest reaches a person."""

        EMAIL = "email", _("Email")

    MAX_SIGNATURE_LENGTH = 500

    user = models.OneToOneField(User, models.CASCADE, related_name="preferences")
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True, validators=[validate_time_zone])
    language = models.CharField(_("language"), max_length=10, blank=True)
    digest_hour = models.PositiveSmallIntegerField(
        _("digest hour"), null=True, blank=True, validators=[MaxValueValidator(23)]
    )
    digest_checked_at = models.DateTimeField(_("last run of send_digests"), null=True, blank=True, editable=False)
    digest_channel = models.CharField(max_length=10, choices=Channel, default=Channel.EMAIL)
    default_view = models.CharField(_("opens at login"), max_length=40, blank=True)
    columns = models.JSONField(_("columns of the customer table"), default=list, blank=True)
    pinned_reports = models.JSONField(_("pinned reports"), default=list, blank=True)
    shortcuts = models.BooleanField(_("keyboard shortcuts"), default=True)
    signature = LongText(
        _("email signature"), max_length=MAX_SIGNATURE_LENGTH, blank=True, validators=[validate_signature]
    )
    tour_closed_at = models.DateTimeField(_("closed the tour"), null=True, blank=True)

    class Meta:
        verbose_name = _("preferences")
        verbose_name_plural = _("preferences")
        # Everybody has their own, and nobody another's.
        default_permissions = ()

    def __str__(self) -> str:
        return say("Preferences of {user}", user=str(self.user))

    @classmethod
    def of(cls, user: AbstractBaseUser | AnonymousUser) -> "Preferences":
        """Return the preferences of a user; unsaved ones where nothing was chosen. No query for a request's user."""
        if not isinstance(user, User):
            return cls()
        try:
            found: Preferences = user.preferences
        except ObjectDoesNotExist:
            return cls(user=user)
        return found

    @property
    def chosen_language(self) -> str:
        """Return the language that the person prefers; '' where none is chosen, or the chosen one is not offered."""
        return self.language if self.language in settings.OFFERED_LANGUAGES else ""

    @property
    def language_of_mails(self) -> str:
        """Return the language that the person is written to in."""
        return self.chosen_language or str(settings.OFFERED_LANGUAGES[0])

    @property
    def zone(self) -> tzinfo:
        """Return the person's time zone; that of the settings where none is chosen, or the chosen one is gone."""
        if not self.time_zone:
            return timezone.get_default_timezone()
        try:
            return zoneinfo.ZoneInfo(self.time_zone)
        except zoneinfo.ZoneInfoNotFoundError:
            return timezone.get_default_timezone()
