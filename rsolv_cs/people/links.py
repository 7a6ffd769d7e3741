"""One-time links by which somebody chooses a password: in an invitation, or where it was forgotten.

A link holds until it is used, until its account changes (password, login, address), or until it expires. The secret
stands in the address's query, which no log and no entry of the audit repeats.
"""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.http import base36_to_int, urlsafe_base64_decode, urlsafe_base64_encode

from analytics.models import Invitation

FIELD = "link"
_BETWEEN = "."


class Links(PasswordResetTokenGenerator):
    """Makes and checks the links of one kind; ``page`` is the name of the address that they lead to."""

    page = "new-password"
    key_salt = "rsolv_cs.people.new_password"

    def lasts(self) -> timedelta:
        """Return for how long a link holds."""
        return timedelta(hours=settings.PASSWORD_LINK_HOURS)

    def path_for(self, user: User) -> str:
        """Return the path of a fresh link for an account, with its query."""
        key = urlsafe_base64_encode(str(user.pk).encode())
        return f"{reverse(self.page)}?{FIELD}={key}{_BETWEEN}{self.make_token(user)}"

    def account_of(self, link: str) -> User | None:
        """Return the account that a link still opens; None where it is wrong, used, withdrawn or expired."""
        key, _, token = link.partition(_BETWEEN)
        try:
            pk = int(urlsafe_base64_decode(key).decode())
            user = User.objects.filter(pk=pk).first()
        except (ValueError, OverflowError):
            return None
        return user if user and self.is_open_to(user) and self.check_token(user, token) else None

    def is_open_to(self, user: User) -> bool:
        """Return whether an account may have a link of this kind."""
        return user.is_active and user.is_staff and user.has_usable_password()

    def check_token(self, user: User | None, token: str | None) -> bool:
        """Return whether a token is right for a user and not too old, which the settings of each kind say."""
        stamp, _, given = (token or "").partition("-")
        if user is None or not given:
            return False
        try:
            seconds = base36_to_int(stamp)
        except ValueError:
            return False
        if not constant_time_compare(self._make_token_with_timestamp(user, seconds, self.secret), token or ""):
            return False
        age = self._num_seconds(self._now()) - seconds
        return bool(0 <= age <= self.lasts().total_seconds())


class InvitationLinks(Links):
    """The links of invitations."""

    page = "join"
    key_salt = "rsolv_cs.people.join"

    def lasts(self) -> timedelta:
        """Return for how long an invitation holds."""
        return timedelta(days=settings.INVITATION_DAYS)

    def is_open_to(self, user: User) -> bool:
        """Return whether somebody is invited and has not joined."""
        return user.is_active and user.is_staff and not user.has_usable_password() and is_invited(user)

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        invited_at = Invitation.objects.values_list("invited_at", flat=True).get(user=user)
        return f"{super()._make_hash_value(user, timestamp)}{invited_at.isoformat()}"


def is_invited(user: User) -> bool:
    """Return whether somebody is invited and has not joined yet."""
    return Invitation.objects.filter(user=user, joined_at=None).exists()
