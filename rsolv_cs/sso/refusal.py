"""Why nobody was logged in: for the page that says so, for the audit, and for the log."""

from django.utils.translation import gettext_lazy as _

from customers.text.choices import SpokenChoices


class Why(SpokenChoices):
    """What a person is told."""

    STALE = "stale", _("This login was begun too long ago or in another browser, or it is over already.")
    DECLINED = "declined", _("The provider did not let you in.")
    UNTRUSTED = "untrusted", _("What the provider said could not be trusted, so nobody was logged in.")
    UNVERIFIED = "unverified", _("The provider does not say that your email address is verified.")
    DOMAIN = "domain", _("Your email address is not of a domain that may log in here.")
    FACTOR = "factor", _("You have to give a second factor to the provider, and it does not say that you did.")
    OUTSIDER = "outsider", _("You have no account here.")
    PASSWORD = "password", _("There is an account with your email address, and it has a password here.")
    TAKEN = "taken", _("The account with your email address cannot be yours by that address alone.")
    CLOSED = "closed", _("Your account here is deactivated.")
    NO_ROLE = "no_role", _("You have no role here.")


class Refused(Exception):
    """Nobody is logged in; ``reason`` is for those who run it, and repeats nothing that is secret."""

    def __init__(self, why: Why, reason: str, about: object = None) -> None:
        super().__init__(reason)
        self.why, self.reason, self.about = why, reason, about


class Unreachable(Exception):
    """The provider gives no answer that can be used; the message says why, without an address."""
