"""What the timeline tells of alerts, in the reader's language."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.translation import override
from pytest_django.fixtures import Settings

from analytics.customer_page.timeline import TimelineFilter, timeline
from analytics.models import Alert
from analytics.models.alerts import ended_by, told_by
from analytics.wording import at_risk_with, rule_turned_off
from customers.text.written import day as written_day
from tests.factories import make_alert, make_customer, make_staff
from tests.support.german import reads_german

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)


def test_alerts_and_what_was_done_with_them_are_told_in_german(client: Client, settings: Settings) -> None:
    customer = make_customer()
    sofia = make_staff("Success manager", username="sofia")
    reads_german(sofia, settings)
    client.force_login(sofia)
    seen, over = datetime(2025, 5, 9, 10, tzinfo=UTC), {"closed_on": D, "closed_at": timezone.now()}
    told, ended = told_by(at_risk_with.of(score=45)), ended_by(rule_turned_off.of())
    by = {"acknowledged_at": seen, "acknowledged_by": "sofia"}
    make_alert(customer, opened_on=date(2025, 5, 8), **by, **told, **ended, **over)
    alert = make_alert(customer, opened_on=date(2025, 5, 7), **told_by(at_risk_with.of(score=50)))
    later = timezone.localdate() + timedelta(days=3)
    for sent in ({"action": "note", "note": "Ann is on leave"}, {"action": "snooze", "until": later.isoformat()}):
        client.post("/admin/alerts/act/", {"alert": alert.pk, "note": "Ann is on leave", **sent})

    def german() -> list[str]:
        with override("de"):
            return [one.text for one in timeline(customer, timezone.localdate(), chosen=TimelineFilter.ALERTS).entries]

    with override("de"):
        until = written_day(later)
    assert german() == [
        f"Warnung zurückgestellt bis {until}: Gefährdet mit einem Score von 50",
        "Notiz zur Warnung „Gefährdet mit einem Score von 50“: Ann is on leave",
        "Warnung erledigt: Die Regel wurde ausgeschaltet",
        "Warnung bestätigt: Gefährdet mit einem Score von 45",
        "Warnung: Gefährdet mit einem Score von 45",
        "Warnung: Gefährdet mit einem Score von 50",
    ]
    # What it said when it was snoozed is known in English alone, once it says something else.
    Alert.objects.filter(pk=alert.pk).update(**told_by(at_risk_with.of(score=40)))
    assert german()[0] == f"Warnung zurückgestellt bis {until}: At risk with a score of 50"
