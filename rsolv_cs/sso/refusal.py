"""Why nobody was logged in: for the page that says so, for the audit, and for the log."""

from enum import Enum


class Why(Enum):
    """What a person is told."""

    STALE = "This login was begun too long ago or in another browser, or it is over already."
    DECLINED = "The provider did not let you in."
    UNTRUSTED = "What the provider said could not be trusted, so nobody was logged in."
    UNVERIFIED = "The provider does not say that your email address is verified."
    DOMAIN = "Your email address is not of a domain that may log in here."
    FACTOR = "You have to give a second factor to the provider, and it does not say that you did."
    OUTSIDER = "You have no account here."
    PASSWORD = "There is an account with your email address, and it has a password here."  # noqa: S105 - a sentence
    TAKEN = "The account with your email address cannot be yours by that address alone."
    CLOSED = "Your account here is deactivated."
    NO_ROLE = "You have no role here."


class Refused(Exception):
    """Nobody is logged in; ``reason`` is for those who run it, and repeats nothing that is secret."""

    def __init__(self, why: Why, reason: str, about: object = None) -> None:
        super().__init__(reason)
        self.why, self.reason, self.about = why, reason, about


class Unreachable(Exception):
    """The provider gives no answer that can be used; the message says why, without an address."""
