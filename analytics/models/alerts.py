"""What to be told of, what is told, and to whom it was sent."""

from datetime import date
from functools import lru_cache
from typing import Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, F, JSONField, Q, Value, When
from django.db.models.deletion import Collector
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from analytics.models.outgoing.outbox import OutboxEntry
from analytics.wording import one_line, rule_deleted
from customers.models import Customer, FeedName, ImportRun
from customers.text.choices import SpokenChoices
from customers.text.say import in_english, say
from customers.text.sentences import Said, rewritten, spoken
from customers.text.text_fields import LongText

MAX_TEXT_LENGTH, MAX_ENDING_LENGTH = 500, 200
_RANK = models.SmallIntegerField()


@lru_cache(1_000)
def told_by(said: Said) -> dict[str, object]:
    """Return the columns of what an alert says; kept, as thousands say the same. Nobody changes what is returned."""
    return {"text": _in_english(said, MAX_TEXT_LENGTH), "said": said.stored()}


def ended_by(said: Said) -> dict[str, object]:
    """Return the columns of how an alert ended."""
    return {"ending_text": _in_english(said, MAX_ENDING_LENGTH), "ending_said": said.stored()}


def _in_english(said: Said, most: int) -> str:
    with in_english():
        return one_line(str(said), most)


def words_for_reader(said: object, text: str) -> str:
    """Return what an alert says in the reader's language, by the two columns of it."""
    return spoken(rewritten(said, _on_one_line), text)


def _on_one_line(part: str) -> str:
    return one_line(part, MAX_TEXT_LENGTH)


def close_with_rule(
    collector: Collector,
    field: "models.ForeignKey[AlertRule | None, AlertRule | None]",
    alerts: "AlertQuerySet",
    using: str,
) -> None:
    """Close the alerts of a rule that is deleted, and keep them."""
    still_open = list(alerts.filter(closed_on=None))
    closing = {
        "closed_on": timezone.localdate(),
        "closed_at": timezone.now(),
        "ending": Alert.Ending.RULE_OFF,
        **ended_by(rule_deleted.of()),
    }
    # The collector asks for what can be hashed.
    closing["ending_said"] = Value(closing["ending_said"], JSONField())
    for column in Alert._meta.fields:
        if column.name in closing:
            collector.add_field_update(column, closing[column.name], still_open)
    models.SET_NULL(collector, field, alerts, using)


class AlertRule(models.Model):
    """The rule of one kind of alert: whether it is on, its N, who is told, and how it recovers.

    Each kind has one, but of people's own rules there are many: each has a ``name``, and by ``query`` the filters of
    the customer table that a customer must meet.
    ``recovery`` is the number of recovery days in a row, the newest scored date last, that close an alert; so a score
    that flaps about a threshold raises one alert and not one each time. ``alerts.kinds`` says for each kind what a
    recovery day is. A feed's alert closes with the first run or date that is as it should be.
    """

    class Kind(SpokenChoices):
        """What the alert is about; those with an N take the threshold."""

        AT_RISK = "at_risk", _("Became at risk")
        INACTIVE = "inactive", _("Became inactive")
        FELL = "fell", _("Score fell by N points in 7 days")
        BLOCKED = "blocked", _("Blocked for N days")
        NO_FIRST_PR = "no_first_pr", _("No first PR N days after signup")
        LIKELY_QUIET = "likely_quiet", _("Likely to go quiet")
        FEED = "feed", _("Feed late or refused")
        VANISHED = "vanished", _("N or more customers vanished from the feed")
        QUARANTINED = "quarantined", _("N or more rows of a feed in quarantine")
        WEBHOOK = "webhook", _("Webhook turned off because of its receiver")
        OWN = "custom", _("Own rule")

        @property
        def needs_threshold(self) -> bool:
            """Whether a rule of this kind has an N."""
            kind = AlertRule.Kind
            return self in {kind.FELL, kind.BLOCKED, kind.NO_FIRST_PR, kind.VANISHED, kind.QUARANTINED}

        @classmethod
        def of_scores(cls) -> list[str]:
            """Return the kinds whose value is the score, so that a lower one is worse."""
            return [cls.AT_RISK, cls.OWN]

    class Severity(models.IntegerChoices):
        """How urgent its alerts are; the most urgent sorts first."""

        CRITICAL = 1, _("Critical")
        WARNING = 2, _("Warning")
        INFO = 3, _("Info")

    class Audience(SpokenChoices):
        """Who is told."""

        OWNER = "owner", _("The customer's owner")
        MANAGERS = "managers", _("Program managers")
        BOTH = "both", _("The owner and the program managers")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    name = models.CharField(_("name"), max_length=100, blank=True)
    query = models.TextField(_("conditions"), blank=True)
    severity = models.PositiveSmallIntegerField(
        _("severity"),
        choices=Severity,
        default=Severity.WARNING,
        help_text=_("Critical alerts come first on the page and in the digest. A change applies to past alerts, too."),
    )
    threshold = models.PositiveSmallIntegerField(
        _("N"), null=True, blank=True, help_text=_("The N of a rule that names one: points, days or customers.")
    )
    recovery = models.PositiveSmallIntegerField(
        _("recovered after"),
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(30)],
        help_text=_(
            "So many scored dates in a row must be well before the alert closes by itself: at risk is resolved with "
            "Needs attention or better, a fall when the score is no longer N below its highest of 7 days. "
            "1 closes it on the first; a feed's alert always closes at once."
        ),
    )
    cooldown = models.PositiveSmallIntegerField(
        _("cooldown"),
        default=0,
        validators=[MaxValueValidator(365)],
        help_text=_("For so many days after an alert was resolved, the rule raises no new one for that customer."),
    )
    audience = models.CharField(
        _("audience"),
        max_length=10,
        choices=Audience,
        default=Audience.OWNER,
        help_text=_("Program managers also hear of customers without an (active) owner, and of feeds."),
    )
    active = models.BooleanField(
        _("on"), default=True, help_text=_("A rule that is turned off closes its alerts in the next nightly run.")
    )

    class Meta:
        ordering = ["pk"]
        verbose_name = _("alert rule")
        verbose_name_plural = _("alert rules")
        constraints = [
            models.UniqueConstraint(fields=["kind"], condition=~models.Q(kind="custom"), name="alert_rule_once_a_kind")
        ]

    def __str__(self) -> str:
        if self.is_own:
            return self.name
        words = self.get_kind_display()
        return words.replace("N ", f"{self.threshold} ", 1) if self.threshold else words

    @property
    def severity_name(self) -> str:
        """Return the severity as the styles and addresses call it."""
        return self.Severity(self.severity).name.lower()

    @property
    def is_own(self) -> bool:
        """Whether people made it; the other rules are built in."""
        return self.kind == self.Kind.OWN

    @property
    def n(self) -> int:
        """The threshold; 1 where the rule has none."""
        return self.threshold or 1

    def clean(self) -> None:
        """Refuse a missing N, and an N that the kind does not name."""
        if not self.kind:
            return
        needed = self.Kind(self.kind).needs_threshold
        if needed and not self.threshold:
            raise ValidationError({"threshold": gettext("This rule needs its N.")})
        if not needed and self.threshold is not None:
            raise ValidationError({"threshold": gettext("This rule has no N.")})


class AlertQuerySet(models.QuerySet["Alert"]):
    """Alerts by whether they still hold, and in the order in which to look at them."""

    def open(self) -> Self:
        """Keep those that are not closed."""
        return self.filter(closed_on=None)

    def closed(self) -> Self:
        """Keep those that are closed."""
        return self.exclude(closed_on=None)

    def snoozed(self, today: date) -> Self:
        """Keep the open ones that are snoozed beyond ``today``."""
        return self.open().filter(snoozed_until__gt=today)

    def not_snoozed(self, today: date) -> Self:
        """Keep the open ones that are not snoozed."""
        return self.open().exclude(snoozed_until__gt=today)

    def waiting(self, today: date) -> Self:
        """Keep the open ones that somebody should look at: neither acknowledged nor snoozed."""
        return self.not_snoozed(today).filter(acknowledged_at=None)

    def worst_first(self, today: date) -> Self:
        """Order by open, not snoozed, severity, unacknowledged, and of each rule the worst value, the longest."""
        rank = Case(
            When(~Q(closed_on=None), then=2), When(snoozed_until__gt=today, then=1), default=0, output_field=_RANK
        )
        acknowledged = Case(When(acknowledged_at=None, then=0), default=1, output_field=_RANK)
        # Of a score the lower value is worse, of days, points, rows and customers the higher.
        badness = Case(When(rule__kind__in=AlertRule.Kind.of_scores(), then=-F("value")), default=F("value"))
        return self.order_by(
            rank,
            F("closed_at").desc(nulls_last=True),
            "rule__severity",
            acknowledged,
            "rule",
            badness.desc(nulls_last=True),
            "opened_on",
            "pk",
        )

    def open_on(self, day: date) -> Self:
        """Keep those that were open on a scored date, each with its rule."""
        then = Q(closed_on=None) | Q(closed_on__gt=day)
        return self.filter(then, opened_on__lte=day).select_related("rule")


class Alert(models.Model):
    """Something about a customer (or a feed) that somebody should know; one open for a rule and customer.

    One about neither is about a failed step of the night, or about webhooks. Once its rule is deleted it has none.
    The dates are scored dates, for a feed the days of the nights. The moments (``raised_at``, ``worse_at``,
    ``closed_at``) say what has happened since somebody was last told. ``value`` is what grows worse: the score, the
    points it fell, days, rows or customers. ``acknowledged_by`` and ``snoozed_by`` are logins: they outlive users.
    ``text`` and ``ending_text`` are English, for programs and searches; ``said`` and ``ending_said`` are what they are
    made of, of which ``words`` and ``ending_words`` are made for a reader. Those of before have none.
    """

    class Ending(SpokenChoices):
        """Why it is closed."""

        RECOVERED = "recovered", _("Recovered")
        WITHDRAWN = "withdrawn", _("Withdrawn, because the data changed")
        ENDED = "ended", _("The account is paused or has ended")
        RULE_OFF = "rule_off", _("The rule was turned off")

    rule = models.ForeignKey(AlertRule, close_with_rule, null=True, related_name="alerts", db_index=False)
    customer = models.ForeignKey(Customer, models.CASCADE, null=True, blank=True, related_name="alerts")
    feed = models.CharField(max_length=20, choices=FeedName, blank=True)
    opened_on = models.DateField()
    closed_on = models.DateField(null=True, blank=True)
    text = models.CharField(max_length=MAX_TEXT_LENGTH)
    said = JSONField(null=True, blank=True, editable=False)
    worse_on = models.DateField(_("last date on which it grew worse"), null=True, blank=True)
    worse_at = models.DateTimeField(null=True, blank=True)
    value = models.IntegerField(_("value when it was raised, or at its worst"), null=True, blank=True)
    raised_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    ending = models.CharField(max_length=10, choices=Ending, blank=True)
    ending_text = models.CharField(max_length=MAX_ENDING_LENGTH, blank=True)
    ending_said = JSONField(null=True, blank=True, editable=False)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    snoozed_until = models.DateField(_("snoozed until"), null=True, blank=True)
    snoozed_by = models.CharField(max_length=150, blank=True)
    note = LongText(_("note"), blank=True)

    run = models.ForeignKey(ImportRun, models.PROTECT, related_name="+", null=True, blank=True, editable=False)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_on", "-pk"]
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "customer"],
                condition=Q(closed_on=None, customer__isnull=False),
                name="alert_open_once_a_customer",
            ),
            models.UniqueConstraint(
                fields=["rule", "feed"],
                condition=Q(closed_on=None, customer__isnull=True),
                name="alert_open_once_a_feed",
            ),
        ]
        indexes = [models.Index(fields=["closed_at"], name="alert_closed_at")]
        permissions = [("act_on_alert", gettext_noop("Can acknowledge and snooze alerts"))]

    def __str__(self) -> str:
        return self.text

    @property
    def words(self) -> str:
        """What it says, in the reader's language."""
        return words_for_reader(self.said, self.text)

    @property
    def ending_words(self) -> str:
        """How it ended, in the reader's language."""
        return words_for_reader(self.ending_said, self.ending_text)

    @property
    def about(self) -> str:
        """What it is about where it is no customer: a feed, webhooks, or the night that failed."""
        if self.feed:
            return say("Feed: {feed}", feed=self.get_feed_display())
        is_webhook = self.rule and self.rule.kind == AlertRule.Kind.WEBHOOK
        return gettext("Webhooks") if is_webhook else gettext("Nightly run")

    @property
    def is_open(self) -> bool:
        """Whether it is not closed."""
        return self.closed_on is None


class Digest(OutboxEntry):
    """A digest for one person (or channel) and night; it is claimed before it is sent, and sent once.

    ``day`` is the night's, or the Monday of the week; ``as_of`` the scored date that it is about. ``channel`` is a
    keyed hash of the channel's address, which is a secret and stored nowhere.
    """

    class Kind(SpokenChoices):
        """What is summed up."""

        ALERTS = "alerts", _("Nightly alerts")
        WEEKLY = "weekly", _("Weekly portfolio")

    class State(SpokenChoices):
        """Claimed by a process, sent, or to be tried again."""

        CLAIMED = "claimed", _("Claimed")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, verbose_name=_("recipient")
    )
    channel = models.CharField(_("fingerprint of the channel's address"), max_length=64, blank=True)
    day = models.DateField(_("day"))
    as_of = models.DateField(_("scored date"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.CLAIMED)
    claimed_at = models.DateTimeField(_("claimed at"))
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    text = models.TextField(_("text"), blank=True)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("digest")
        verbose_name_plural = _("digests")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "recipient", "day"],
                condition=Q(recipient__isnull=False),
                name="digest_once_a_person",
            ),
            models.UniqueConstraint(
                fields=["kind", "channel", "day"],
                condition=Q(recipient__isnull=True),
                name="digest_once_a_channel",
            ),
        ]

    def __str__(self) -> str:
        return say("{kind}, {day}", kind=self.get_kind_display(), day=self.day)
