"""Whom an email to a customer may go to, and who may get a copy: the feed's address, its contacts, and colleagues."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from analytics.mail.message import mail_address
from analytics.models import Contact
from analytics.outreach.draft import sender_name
from customers.core.roles import staff_who_may
from customers.models import Customer
from customers.text.addresses import mailbox

FEED = "feed"
"""Stands for the address of the feed."""
MAY_GET_COPIES = "customers.view_customer"


@dataclass(frozen=True)
class Recipient:
    """Somebody who may get an email: the key under which a form names them, the name ('' of the feed), the address."""

    key: str
    name: str
    email: str

    @property
    def label(self) -> str:
        """Return the name and the address."""
        return f"{self.name} ({self.email})" if self.name else self.email


def contacts_of(customer: Customer) -> list[Contact]:
    """Return the contacts of a customer as they are now; no query where it is known to have none."""
    return list(Contact.objects.filter(customer=customer)) if getattr(customer, "has_contacts", True) else []


def feed_address(customer: Customer) -> str:
    """Return the address of the feed as mails go to it; '' where no mail can."""
    try:
        return mail_address(customer.email)
    except ValueError:
        return ""


def recipients_at(customer: Customer, contacts: Iterable[Contact], closed: Collection[str]) -> list[Recipient]:
    """Return whom an email to a customer may go to, whom it goes to by default first; ``closed`` are mailboxes.

    An address of the feed that no mail can go to stands here alone where nobody else does.
    """
    people = [one for one in contacts if mailbox(one.email) not in closed]
    found = [Recipient(str(one.pk), ", ".join(filter(None, [one.name, one.role])), one.email) for one in people]
    if found and not feed_address(customer):
        return found
    feed = Recipient(FEED, "", customer.email)
    return [*found, feed] if any(one.is_primary for one in people) else [feed, *found]


def colleagues() -> list[Recipient]:
    """Return the staff who may get copies, by name; who has no address that a mail can go to is left out."""
    found = []
    for user in staff_who_may(MAY_GET_COPIES).exclude(email="").order_by("first_name", "last_name", "username"):
        try:
            found.append(Recipient(f"staff-{user.pk}", sender_name(user), mail_address(user.email)))
        except ValueError:
            continue
    return found


def recipient_of(key: str | None, of: Sequence[Recipient]) -> Recipient:
    """Return whom a form's key means; by default the first."""
    return next((one for one in of if one.key == key), of[0])
