"""Webhooks in the admin: made with a secret that is shown once, tested, sent again, and turned on and off."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, DateTimeField, Max, Model, OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from analytics.models import EventKind, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from analytics.webhooks import signing
from analytics.webhooks.by_hand import send_failed_again, send_span_again, send_test
from analytics.webhooks.deliver import is_late
from analytics.webhooks.endpoints import BOTH_VALID, rotate
from analytics.webhooks.forms import FAILED, AgainForm, EndpointForm, TestForm
from analytics.wording import counted, moment_in_words
from customers.core.pages import StaffRequest, admin_response
from customers.core.people import name_of
from customers.editing.model_admin import ModelAdmin
from customers.runs.retention import delete
from customers.text.say import say, say_n
from customers.text.written import number

_COLOURS = {"on": "success", "failing": "warning", "off": "default", "given_up": "danger"}
CHANGE = "analytics.change_webhookendpoint"
State = WebhookDelivery.State


def log_address(endpoint: WebhookEndpoint, **lookups: str) -> str:
    """Return the address of an endpoint's deliveries."""
    asked = urlencode({"endpoint__id__exact": str(endpoint.pk), **lookups})
    return f"{reverse('admin:analytics_webhookdelivery_changelist')}?{asked}"


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ModelAdmin):
    """The endpoints; each has a log of what it was told."""

    nothing_yet = _("Other tools hear of what happens here by a webhook. Make one for each.")
    form = EndpointForm
    list_display = ["described", "told_of", "standing", "last_delivered", "waiting", "failed"]
    list_before_template = "analytics/webhooks/tools.html"  # type: ignore[assignment]  # the theme types it as None
    change_form_before_template = "analytics/webhooks/head.html"  # type: ignore[assignment]  # as above
    list_fullwidth = True
    list_select_related = ["owner"]
    fields = ("name", "url", "kinds", "cohort", "owner", "enabled")
    actions_detail = ["log", "test", "again", "secret"]  # type: ignore[assignment]  # unfold declares the empty tuple

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        """Return the endpoints, with how many deliveries wait and have failed, and when the last one was taken."""
        deliveries = WebhookDelivery.objects.filter(endpoint=OuterRef("pk")).order_by().values("endpoint")
        waiting = Q(state__in=[State.WAITING, State.CLAIMED])
        return WebhookEndpoint.objects.annotate(
            waiting_count=Subquery(deliveries.filter(waiting).annotate(n=Count("pk")).values("n")),
            failing_count=Subquery(deliveries.filter(waiting, tries__gt=0).annotate(n=Count("pk")).values("n")),
            failed_count=Subquery(deliveries.filter(state=State.FAILED).annotate(n=Count("pk")).values("n")),
            last_sent=Subquery(deliveries.annotate(n=Max("sent_at")).values("n"), output_field=DateTimeField()),
        )

    def list_context(self, request: HttpRequest) -> dict[str, object]:
        """Return whether the visitor may make one, and whether nothing is being sent."""
        return {"may_make": self.has_add_permission(request), "is_late": is_late()}

    @admin.display(description=_("webhook"), ordering="name")
    def described(self, endpoint: WebhookEndpoint) -> SafeString:
        """Return the name with the URL below it."""
        return format_html('<bdi>{}</bdi><br><small class="webhook-url">{}</small>', endpoint.name, endpoint.url)

    @admin.display(description=_("told of"))
    def told_of(self, endpoint: WebhookEndpoint) -> str:
        """Return how many kinds of events it is told of, and of which customers."""
        kinds = (
            gettext("All events") if len(endpoint.kinds) == len(EventKind) else counted(len(endpoint.kinds), "event")
        )
        whose = [endpoint.cohort] if endpoint.cohort else []
        whose += [say("owner {name}", name=name_of(endpoint.owner))] if endpoint.owner else []
        return f"{kinds} ({', '.join(whose)})" if whose else kinds

    @display(description=_("state"), label=_COLOURS)  # type: ignore[arg-type]  # the theme types it as str
    def standing(self, endpoint: WebhookEndpoint) -> tuple[str, str]:
        """Say whether anything is sent to it, as a pill."""
        if not endpoint.enabled:
            return ("given_up", gettext("Turned off")) if endpoint.off_because else ("off", gettext("Off"))
        failing = _number(endpoint, "failing_count")
        return ("failing", gettext("On, failing")) if failing else ("on", gettext("On"))

    @admin.display(description=_("last delivered"), ordering="last_sent")
    def last_delivered(self, endpoint: WebhookEndpoint) -> str:
        """Return when a receiver last took something."""
        last: datetime | None = getattr(endpoint, "last_sent", None)
        return moment_in_words(last) if last else gettext("Never")

    @admin.display(description=_("waiting"))
    def waiting(self, endpoint: WebhookEndpoint) -> SafeString | str:
        """Return how many deliveries wait."""
        return _link(endpoint, "waiting_count", State.WAITING)

    @admin.display(description=_("failed in 30 days"))
    def failed(self, endpoint: WebhookEndpoint) -> SafeString | str:
        """Return how many deliveries have failed for good."""
        return _link(endpoint, "failed_count", State.FAILED)

    # --- Make and change --------------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Model, form: object, change: bool) -> None:
        """Give a new one its secret; one that is turned on again begins as if nothing had been."""
        if isinstance(obj, WebhookEndpoint):
            if not change:
                obj.secret = signing.new_seed()
                request.made_webhook = obj  # type: ignore[attr-defined]  # for ``add_view``
            if obj.enabled:
                obj.off_because, obj.told_at, obj.rests_until = "", None, None
        super().save_model(request, obj, form, change)  # type: ignore[arg-type]  # the admin's form

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: object = None) -> HttpResponse:
        """Make one, and show its secret in the answer to the form."""
        answer = super().add_view(request, form_url)
        made: WebhookEndpoint | None = getattr(request, "made_webhook", None)
        return answer if made is None or answer.status_code != 302 else self._shown(request, made, is_new=True)

    def _shown(self, request: HttpRequest, endpoint: WebhookEndpoint, *, is_new: bool) -> HttpResponse:
        context = {
            "title": gettext("Webhook made") if is_new else gettext("New secret made"),
            "endpoint": endpoint,
            "secret": signing.secret_of(endpoint.secret),
            "is_new": is_new,
        }
        return admin_response(request, "analytics/webhooks/secret.html", context)

    # --- Delete -----------------------------------------------------------------------------------------------

    def get_deleted_objects(
        self, objs: Sequence[Model] | QuerySet[Model], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Name the webhooks alone: of their log there may be a hundred thousand lines."""
        names = [str(one) for one in objs]
        return names, {str(self.opts.verbose_name_plural): len(names)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        """Delete a webhook, its log first and without loading it."""
        delete(WebhookAttempt.objects.filter(delivery__endpoint=obj.pk))
        delete(WebhookDelivery.objects.filter(endpoint=obj.pk))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        """Delete webhooks one by one, in the same way."""
        for one in queryset:
            self.delete_model(request, one)

    # --- Act --------------------------------------------------------------------------------------------------

    def has_act_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """For who may change webhooks."""
        return request.user.has_perm(CHANGE)

    @action(description=_("Log"), url_path="log", permissions=["act"])  # type: ignore[operator, arg-type]  # it decorates
    def log(self, request: StaffRequest, object_id: str) -> HttpResponse:
        """Lead to what it was told."""
        return redirect(log_address(self._found(request, object_id)))

    @action(description=_("Send a test"), url_path="test", permissions=["act"])  # type: ignore[operator, arg-type]
    def test(self, request: StaffRequest, object_id: str) -> HttpResponse:
        """Send an example, and show what came back."""
        endpoint = self._found(request, object_id)
        form = TestForm(request.POST if request.method == "POST" else None, kinds=endpoint.kinds)
        if request.method == "POST" and form.is_valid():
            try:
                kind = EventKind(form.cleaned_data["kind"])
                delivery = send_test(endpoint, kind, form.cleaned_data["secret"])
            except (signing.NotVerified, signing.SecretLost) as error:
                form.add_error("secret", ValidationError(f"{error}."))
            else:
                if delivery.state == State.SENT:
                    messages.success(request, gettext("The test was taken."))
                else:
                    messages.error(request, gettext("The test was not taken."))
                return redirect("admin:analytics_webhookdelivery_change", delivery.pk)
        context = {"title": gettext("Send a test"), "endpoint": endpoint, "form": form}
        return admin_response(request, "analytics/webhooks/test.html", context, status=422 if form.errors else 200)

    @action(description=_("Send again"), url_path="again", permissions=["act"])  # type: ignore[operator, arg-type]
    def again(self, request: StaffRequest, object_id: str) -> HttpResponse:
        """Send again all that has failed, or a span of time."""
        endpoint = self._found(request, object_id)
        form = AgainForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            is_failed = form.cleaned_data["what"] == FAILED
            count = send_failed_again(endpoint) if is_failed else send_span_again(endpoint, *form.span)
            messages.success(request, _sent_again(count, is_on=endpoint.enabled))
            return redirect(log_address(endpoint))
        now = timezone.localtime().replace(second=0, microsecond=0)
        context = {
            "title": gettext("Send again"),
            "endpoint": endpoint,
            "form": form,
            "failed": endpoint.deliveries.filter(state=State.FAILED).count(),
            "start": form["start"].value() or now - timedelta(days=1),
            "end": form["end"].value() or now,
        }
        return admin_response(request, "analytics/webhooks/again.html", context, status=422 if form.errors else 200)

    @action(description=_("New secret"), url_path="secret", permissions=["act"])  # type: ignore[operator, arg-type]
    def secret(self, request: StaffRequest, object_id: str) -> HttpResponse:
        """Ask first; when sent, make a new secret and show it."""
        endpoint = self._found(request, object_id)
        if request.method == "POST":
            rotate(endpoint)
            endpoint.refresh_from_db()
            return self._shown(request, endpoint, is_new=False)
        context = {
            "title": gettext("New secret"),
            "endpoint": endpoint,
            "hours": round(BOTH_VALID.total_seconds() / 3600),
            "has_two": endpoint.has_two_secrets,
        }
        return admin_response(request, "analytics/webhooks/rotate.html", context)

    def _found(self, request: HttpRequest, object_id: str) -> WebhookEndpoint:
        endpoint = self.get_object(request, object_id)
        if not isinstance(endpoint, WebhookEndpoint):
            raise Http404(gettext("There is no such webhook."))
        return endpoint


def _sent_again(count: int, *, is_on: bool) -> str:
    """Say how many events are sent again, and when."""
    if not count:
        return gettext("There is none.")
    if is_on:
        return say_n(
            "{number} event will be sent within a minute.", "{number} events will be sent within a minute.", count
        )
    return say_n(
        "{number} event will be sent once the webhook is on.",
        "{number} events will be sent once the webhook is on.",
        count,
    )


def _number(endpoint: WebhookEndpoint, name: str) -> int:
    return getattr(endpoint, name, None) or 0


def _link(endpoint: WebhookEndpoint, name: str, state: str) -> SafeString | str:
    """Return a number, which leads to the deliveries that it counts."""
    if not (count := _number(endpoint, name)):
        return "0"
    return format_html(
        '<a class="underline" href="{}">{}</a>', log_address(endpoint, state__exact=state), number(count)
    )
