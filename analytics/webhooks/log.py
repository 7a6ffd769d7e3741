"""The log of webhooks in the admin: each delivery with what was sent, every attempt, and what came back."""

import json
from datetime import datetime

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from analytics.models import WebhookDelivery
from analytics.webhooks import signing
from analytics.webhooks.bodies import body_of
from analytics.webhooks.by_hand import send_again
from analytics.wording import DASH
from customers.core.pages import admin_response
from customers.editing.model_admin import ReadOnlyAdmin, count_column
from customers.text.say import say
from customers.text.written import to_the_second

State = WebhookDelivery.State
_COLOURS = {"waiting": "info", "claimed": "info", "sent": "success", "failed": "danger"}
MOST_OF_BODY = 4_096


def _in_one_line(at: datetime | None) -> str:
    return to_the_second(at).replace(" ", "\u00a0") if at else DASH


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """What was sent to whom; a page for each says what came back."""

    called = _("Webhook log")
    nothing_yet = _("Each event that a webhook is told of gets a line here, for 30 days.")
    list_display = ["created", "kind_name", "endpoint", "pill", count_column(WebhookDelivery, "tries"), "said"]
    list_filter = ["endpoint", "state", "kind"]
    list_select_related = ["endpoint"]
    search_fields = ["=uid"]
    search_help_text = "webhook-id"

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, delivery: WebhookDelivery) -> str:
        """Return when it was made."""
        return _in_one_line(delivery.created_at)

    @admin.display(description=_("event"), ordering="kind")
    def kind_name(self, delivery: WebhookDelivery) -> str:
        """Return what it tells, and whether it is a test."""
        return delivery.kind if delivery.event_id else say("{name} (test)", name=delivery.kind)

    @display(description=_("state"), ordering="state", label=_COLOURS)  # type: ignore[arg-type]  # the theme types it as str
    def pill(self, delivery: WebhookDelivery) -> tuple[str, str]:
        """Return where it stands, as a pill."""
        return delivery.state, delivery.get_state_display()

    @admin.display(description=_("result"))
    def said(self, delivery: WebhookDelivery) -> str:
        """Say why it was not taken and when it is tried again, or when it was taken."""
        if delivery.state == State.WAITING and delivery.tries:
            if delivery.is_due:
                return say("{reason} Again with the next run", reason=delivery.error)
            return say("{reason} Again at {time}", reason=delivery.error, time=_in_one_line(delivery.due_at))
        return delivery.error or _in_one_line(delivery.sent_at)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Show a delivery; its button sends it again."""
        delivery = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, delivery):
            raise PermissionDenied
        if not isinstance(delivery, WebhookDelivery):
            raise Http404(gettext("There is no such delivery."))
        may_send = request.user.has_perm("analytics.change_webhookendpoint")
        if request.method == "POST":
            if not may_send:
                raise PermissionDenied
            _tell(request, delivery)
            return redirect(request.path)
        return admin_response(request, "analytics/webhooks/delivery.html", _context(delivery, may_send=may_send))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let those see the log who may see webhooks."""
        return request.user.has_perm("analytics.view_webhookdelivery")


def _tell(request: HttpRequest, delivery: WebhookDelivery) -> None:
    """Send a delivery again, and say when it goes."""
    if not send_again(delivery):
        messages.info(request, gettext("It waits already."))
        return
    messages.success(
        request,
        gettext("It will be sent again within a minute, with the same id.")
        if delivery.endpoint.enabled
        else gettext("It will be sent again once the webhook is on, with the same id."),
    )


def _context(delivery: WebhookDelivery, *, may_send: bool) -> dict[str, object]:
    """Return what a delivery's page shows; the body is cut where it is long."""
    attempts = list(delivery.attempts.order_by("-pk"))
    body = body_of(delivery).decode()
    last = attempts[0].at if attempts else delivery.created_at
    return {
        "title": delivery.kind,
        "delivery": delivery,
        "attempts": attempts,
        "may_send": may_send and delivery.state in {State.SENT, State.FAILED},
        "headers": {
            "content-type": "application/json",
            signing.ID: delivery.uid,
            signing.TIMESTAMP: str(int(last.timestamp())),
            signing.SIGNATURE: "v1,…",
        },
        "body": json.dumps(json.loads(body), ensure_ascii=False, indent=2)[:MOST_OF_BODY],
        "size": len(body.encode()),
    }
