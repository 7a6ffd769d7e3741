"""Mails as a real SMTP server takes them: the headers are ours whatever the values, and the words are as previewed."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.contrib.auth.models import User
from django.db import connection
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.mail.message import mail_address
from analytics.models import Message
from analytics.models.placeholders import fill, subject_faults
from analytics.outreach import sending
from analytics.outreach.draft import MAX_SUBJECT_LENGTH, as_mail
from analytics.outreach.merge_fields import merge_fields
from customers.models import Customer
from tests.factories import make_customer, make_message, make_staff
from tests.support.selection import examples_of_a_push

HEADERS = [
    "Content-Type",
    "MIME-Version",
    "Content-Transfer-Encoding",
    "Subject",
    "From",
    "To",
    "Reply-To",
    "Date",
    "Message-ID",
]
RLO = "\N{RIGHT-TO-LEFT OVERRIDE}"
EVIL = "Acme\r\nBcc: victim@example.com\r\n\r\nbody"


class Server(Controller):
    """Keeps what it takes; ``answer`` is what it says to a mail, ``unknown`` a recipient it does not know."""

    def __init__(self) -> None:
        # Port 0 is a free one, but the controller would look for itself on port 0.
        super().__init__(self, hostname="127.0.0.1", port=0)
        self.taken: list[tuple[list[str], bytes]] = []
        self.answer, self.unknown, self.hang_up = "250 OK", "", False

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address == self.unknown:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.hang_up:
            server.transport.close()
        self.taken.append((envelope.rcpt_tos, envelope.content))
        return self.answer

    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(content, policy=policy.default) for _to, content in self.taken]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.start()
    with override_settings(
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=server.port,
        EMAIL_TIMEOUT=5,
        DEFAULT_FROM_EMAIL="RSOLV Customer Success <success@rsolv.example>",
    ):
        yield server
    server.stop(no_assert=True)


def sofia(**overrides: str) -> User:
    values = {"first_name": "Sofia", "last_name": "Marchetti", "email": "sofia@rsolv.example", "username": "sofia"}
    return make_staff("Success manager", **{**values, **overrides})


def send(customer: Customer, author: User, subject: str = "Hello", body: str = "Hello") -> Message:
    """Compose, claim and deliver; what is recorded."""
    draft = sending.draft_email(customer, author, subject, body)
    key = sending.verify_preview(sending.sign_preview(draft), draft)
    assert key
    message, ours = sending.claim_draft(draft, key, confirmed=False)
    assert ours
    assert message.state == "sending"
    sending.send_message(message)
    message.refresh_from_db()
    return message


# --- An ordinary mail -------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_mail_with_its_headers_and_its_text(server: Server) -> None:
    body = "Hello Böhm & Lefèvre,\n\n.\nFrom here on 👍\n" + "x" * 1200 + "\n${{ secrets.X }}"
    message = send(make_customer(email="ops@acme.example"), sofia(), "How is it going, 株式会社?", body)
    [(recipients, _content)] = server.taken
    [mail] = server.mails()
    assert recipients == ["ops@acme.example"]
    assert sorted(mail.keys()) == sorted(HEADERS)
    assert mail["From"] == "Sofia Marchetti via RSOLV <success@rsolv.example>"
    assert mail["Reply-To"] == "sofia@rsolv.example"
    assert mail["To"] == "ops@acme.example"
    assert mail["Subject"] == "How is it going, 株式会社?"
    assert mail["Message-ID"] == message.message_id
    assert message.message_id.endswith("@rsolv.example>")
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content_charset() == "utf-8"
    assert mail.get_content().replace("\r\n", "\n").rstrip("\n") == body
    assert (message.state, message.error, message.sent_at is not None) == ("sent", "", True)
    assert (message.sent_by, message.from_line) == ("sofia", "Sofia Marchetti via RSOLV <success@rsolv.example>")
    assert (message.recipient, message.body) == ("ops@acme.example", body)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("Jörg", "Müller", "Jörg Müller via RSOLV"),
        ('Ann "A"', "O'Neill, Dr.", 'Ann "A" O\'Neill, Dr. via RSOLV'),
        ("", "", "sofia via RSOLV"),
        ("Ann\r\nBcc: victim@example.com", "", "Ann Bcc: victim@example.com via RSOLV"),
        (f"{RLO}Ann", "<x@y.example>", "Ann <x@y.example> via RSOLV"),
        ("=?utf-8?q?=0ABcc?=", "", "=?utf-8?q?=0ABcc?= via RSOLV"),
    ],
)
def test_the_name_of_the_sender(server: Server, first: str, last: str, name: str) -> None:
    send(make_customer(), sofia(first_name=first, last_name=last))
    [mail] = server.mails()
    [sender] = mail["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, "success@rsolv.example")
    assert sorted(mail.keys()) == sorted(HEADERS)


@pytest.mark.django_db
def test_a_name_of_a_thousand_characters_is_cut(server: Server) -> None:
    send(make_customer(), sofia(first_name="桜" * 150, last_name="桜" * 150))
    [(_recipients, content)] = server.taken
    # The parser of addresses puts blanks between the encoded words, so the header is decoded as a whole.
    header = str(make_header(decode_header(message_from_bytes(content)["From"])))
    assert header == "桜" * 59 + "… via RSOLV <success@rsolv.example>"
    assert max(len(line) for line in content.splitlines()) <= 78


@pytest.mark.django_db
def test_a_subject_that_looks_encoded_is_shown_as_it_is_written(server: Server) -> None:
    send(make_customer(), sofia(), "=?utf-8?q?=0D=0ABcc:=20x?=")
    [mail] = server.mails()
    assert mail["Subject"] == "=?utf-8?q?=0D=0ABcc:=20x?="


# --- Addresses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("john@acme.com", "john@acme.com"),
        ("a.b+c_d%e@sub.example.co.uk", "a.b+c_d%e@sub.example.co.uk"),
        ("info@bücher.example", "info@xn--bcher-kva.example"),
    ],
)
def test_an_address(text: str, address: str) -> None:
    assert mail_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "john",
        "@acme.com",
        "john@",
        "a@acme.com,b@acme.com",
        "a@acme.com b@acme.com",
        "a@b@acme.com",
        "john@acme.com\nBcc: x@y.example",
        "john@acme.com\r",
        "\tjohn@acme.com",
        "john\0@acme.com",
        "John <john@acme.com>",
        '"a,b"@acme.com',
        '"a b"@acme.com',
        "(comment)john@acme.com",
        "john@[127.0.0.1]",
        "jörg@acme.com",
        f"{RLO}john@acme.com",
        f"john@{RLO}acme.com",
        ".john@acme.com",
        "jo..hn@acme.com",
        "a" * 250 + "@acme.com",
        f"john@{'d' * 70}.example",
    ],
)
def test_what_is_no_single_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|ASCII"):
        mail_address(text)


@pytest.mark.django_db
def test_an_international_domain_is_written_in_ascii(server: Server) -> None:
    send(make_customer(email="info@bücher.example"), sofia())
    [(recipients, content)] = server.taken
    assert recipients == ["info@xn--bcher-kva.example"]
    assert b"\nTo: info@xn--bcher-kva.example\r\n" in content


# --- Injection --------------------------------------------------------------------------------------------------

ANYTHING = st.text(max_size=60) | st.lists(
    st.sampled_from(
        ["\r", "\n", "\r\n ", "Bcc: x@y.example", ",", "<", ">", '"', "=?utf-8?q?=0A?=", RLO, "é", "x", ":"]
    ),
    max_size=12,
).map("".join)


@settings(max_examples=examples_of_a_push(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(organization=ANYTHING, blocker=ANYTHING, name=ANYTHING)
def test_no_value_makes_a_header(organization: str, blocker: str, name: str) -> None:
    customer = Customer(id="c1", organization=organization, email="ops@acme.example", signup_date="2025-05-01")
    customer.signup_date = Customer._meta.get_field("signup_date").to_python("2025-05-01")
    author = User(pk=1, username="sofia", first_name=name, email="sofia@rsolv.example")
    values = {**merge_fields(customer, None, name, "en"), "blocker": ""}
    subject = fill("{organization}: {sender}", values)
    assert subject_faults(organization) or len(subject.splitlines()) <= 1
    draft = sending.draft_email(customer, author, subject[:MAX_SUBJECT_LENGTH], f"Hello {organization}{blocker}")
    sent = as_mail(Message(**draft.fields, message_id="<1@rsolv.example>")).message()
    head = sent.as_bytes().split(b"\n\n", 1)[0].split(b"\n")
    names = [line.partition(b":")[0].decode() for line in head if line[:1] not in b" \t"]
    assert sorted(names) == sorted(HEADERS)
    assert parseaddr(str(sent["From"]))[1] == parseaddr(draft.from_line.rpartition(" ")[2])[1]
    assert sent["To"] == "ops@acme.example"


@pytest.mark.django_db
def test_a_hostile_name_in_a_subject_stays_in_the_subject(server: Server) -> None:
    customer = make_customer(organization=EVIL)
    subject = fill("For {organization}", merge_fields(customer, None, "Sofia", "en"))
    send(customer, sofia(), subject)
    [(recipients, _content)] = server.taken
    [mail] = server.mails()
    assert recipients == [customer.email]
    assert mail["Subject"] == "For Acme Bcc: victim@example.com body"
    assert sorted(mail.keys()) == sorted(HEADERS)


# --- At once ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="the tests' SQLite has one connection")
@pytest.mark.parametrize("keys", [("one", "one"), ("one", "other")])
def test_two_clicks_at_once_send_one_mail(keys: tuple[str, str]) -> None:
    draft = sending.draft_email(make_customer(), sofia(), "s", "b")
    together = threading.Barrier(2)

    def click(key: str) -> bool:
        together.wait()
        try:
            return sending.claim_draft(draft, key, confirmed=False)[1]
        except sending.WrittenRecently:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(click, keys)) == [False, True]
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="the tests' SQLite has one connection")
def test_two_customers_of_one_mailbox_get_one_mail_at_once() -> None:
    author = sofia()
    letters = [
        sending.draft_email(make_customer(id=key, email=email), author, "s", "b")
        for key, email in (("a", "ops@shared.example"), ("b", "OPS@shared.example"))
    ]
    together = threading.Barrier(2)

    def click(draft: sending.EmailDraft) -> bool:
        together.wait()
        try:
            return sending.claim_draft(draft, draft.customer.pk, confirmed=False)[1]
        except sending.WrittenRecently:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(click, letters)) == [False, True]
    assert Message.objects.count() == 1


# --- Failures ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_server_that_is_down(server: Server) -> None:
    with override_settings(EMAIL_PORT=1):
        message = send(make_customer(), sofia())
    assert server.taken == []
    assert message.state == "failed"
    assert message.error == "The mail server cannot be reached: Connection refused."
    assert message.body == "Hello"
    assert message.sent_at is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("attribute", "answer", "error"),
    [
        ("unknown", "ops@acme.example", "The mail server refused it: 550 no such user."),
        ("answer", "554 this is spam", "The mail server refused it: 554 this is spam."),
        ("answer", "451 later", "The mail server refused it: 451 later."),
    ],
)
def test_a_server_that_refuses(server: Server, attribute: str, answer: str, error: str) -> None:
    setattr(server, attribute, answer)
    message = send(make_customer(email="ops@acme.example"), sofia())
    assert (message.state, message.error) == ("failed", error)


@pytest.mark.django_db
def test_a_server_that_hangs_up_leaves_it_open_whether_it_was_sent(server: Server) -> None:
    server.hang_up = True
    message = send(make_customer(), sofia())
    assert message.state == "sending"
    assert message.delivery_unknown
    assert message.error.startswith("The mail server gave no answer: ")
    assert len(server.taken) == 1


@pytest.mark.django_db
def test_a_second_attempt_has_the_same_message_id(server: Server) -> None:
    author, customer = sofia(), make_customer()
    server.answer = "451 later"
    message = send(customer, author)
    server.answer = "250 OK"
    assert sending.claim_again(message, author, confirmed=False)
    sending.send_message(message)
    message.refresh_from_db()
    assert (message.state, message.error) == ("sent", "")
    first, second = server.mails()
    assert first["Message-ID"] == second["Message-ID"] == message.message_id


@pytest.mark.django_db
def test_a_second_attempt_goes_from_who_wrote_it_to_where_it_was_written() -> None:
    author, customer = sofia(), make_customer(email="ops@acme.example")
    message = make_message(customer, author, state="failed", recipient="ops@acme.example", reply_to=author.email)
    assert sending.may_send_again(message, author) == ""
    assert sending.may_send_again(message, make_staff(email="x@rsolv.example")) == (
        "Only who wrote it can send it as it is."
    )
    Customer.objects.update(email="new@acme.example")
    again = Message.objects.get()
    with pytest.raises(sending.NotSent, match="An address has changed"):
        sending.claim_again(again, author, confirmed=False)
    Message.objects.update(state="sent")
    assert sending.may_send_again(Message.objects.get(), author) == "It is sent."
