"""The connection to the mail server."""

from contextlib import suppress
from smtplib import SMTPRecipientsRefused, SMTPResponseException

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from analytics.mail.message import FAILURES

REFUSED = (SMTPResponseException, SMTPRecipientsRefused, ValueError)
"""The server's own no, and headers or addresses that are none: nothing has left."""


class Unreachable(OSError):
    """The mail server could not be asked, for the reason that is the cause: nothing has left."""


class SmtpSession:
    """A connection that is opened for the first mail; a server that cannot be reached is not asked again."""

    def __init__(self) -> None:
        self.connection: BaseEmailBackend | None = None
        self.down: OSError | None = None

    def send(self, mail: EmailMessage) -> None:
        """Send one mail; raises one of ``FAILURES``."""
        connection = self.connect()
        try:
            connection.send_messages([mail])
        except FAILURES:
            # Whatever it was, the next mail begins anew.
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        if self.connection is not None:
            with suppress(*FAILURES):
                self.connection.close()
            self.connection = None

    def connect(self) -> BaseEmailBackend:
        """Return the open connection; raises one of ``FAILURES`` where there can be none."""
        if self.down:
            raise self.down
        if self.connection is None:
            connection = get_connection()
            try:
                connection.open()
            except REFUSED as error:
                self.down = error if isinstance(error, OSError) else None
                raise
            except OSError as error:
                self.down = Unreachable(str(error) or type(error).__name__)
                raise self.down from error
            self.connection = connection
        return self.connection
