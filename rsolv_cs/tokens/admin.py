"""The list of tokens, the page that makes one and shows it once, and the one that revokes it."""

from datetime import timedelta

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from customers.core.pages import StaffRequest, admin_response, user_of
from customers.core.people import name_of
from customers.editing.form_keys import answer_once
from customers.editing.model_admin import ModelAdmin
from customers.models import ApiToken
from customers.text.choices import SpokenChoices
from customers.text.say import say
from customers.text.written import clock, day
from rsolv_cs.tokens.forms import TokenForm
from rsolv_cs.tokens.revoke import end_tokens


class TokenStanding(SpokenChoices):
    """Whether a token can be used."""

    ACTIVE = "active", _("Active")
    SOON = "soon", _("Expires soon")
    EXPIRED = "expired", _("Expired")
    REVOKED = "revoked", _("Revoked")
    OFF = "off", _("Account deactivated")


_SOON = timedelta(days=14)
_COLOURS: dict[str, str] = {
    TokenStanding.ACTIVE: "success",
    TokenStanding.SOON: "warning",
    TokenStanding.EXPIRED: "danger",
    TokenStanding.REVOKED: "default",
    TokenStanding.OFF: "default",
}
_MAY = {
    ApiToken.Scope.READ: pgettext_lazy("what a token is for", "read"),
    ApiToken.Scope.WRITE: _("write tasks and notes"),
    ApiToken.Scope.INGEST: _("send data"),
    ApiToken.Scope.METRICS: _("read metrics"),
}
"""The scopes, as they stand in a row of several."""
_USE = ("name", "account", "begins_with", "purpose", "from_where", "per_minute", "standing", "expires", "last_used")
_LIFE = ("made_at", "made_by", "revoked_at", "revoked_by")


class StateFilter(admin.SimpleListFilter):
    """Filter by whether a token can be used."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return active, and not."""
        return [("active", gettext("Active")), ("over", gettext("Expired or revoked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> QuerySet[ApiToken]:
        """Return the tokens that can be used, or cannot."""
        if self.value() not in {"active", "over"}:
            return queryset
        can = Q(revoked_at=None, expires_at__gt=timezone.now(), user__is_active=True, user__is_staff=True)
        return queryset.filter(can if self.value() == "active" else ~can)


def _standing(token: ApiToken) -> TokenStanding:
    if token.revoked_at:
        return TokenStanding.REVOKED
    now = timezone.now()
    if token.is_expired(now):
        return TokenStanding.EXPIRED
    if not (token.user.is_active and token.user.is_staff):
        return TokenStanding.OFF
    return TokenStanding.SOON if token.is_expired(now + _SOON) else TokenStanding.ACTIVE


@admin.register(ApiToken)
class TokenAdmin(ModelAdmin):
    """Tokens; whoever needs another scope or network makes another one."""

    nothing_yet = _("No program uses the API yet. Make a token for one.")
    list_display = ["described", "account", "purpose", "standing", "last_used", "expires"]
    list_filter = [StateFilter]
    list_select_related = ["user"]
    list_before_template = "tokens/tools.html"  # type: ignore[assignment]  # the theme types it as None
    list_fullwidth = True
    search_fields = ["name", "shown", "user__username"]
    search_help_text = _("Name, first characters or account")
    fields = readonly_fields = (*_USE, *_LIFE)
    actions_detail = ["revoke"]  # type: ignore[assignment]  # unfold declares the empty tuple

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """They are revoked, not changed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A revoked one stays, so that what it did can be read."""
        return False

    def list_context(self, request: HttpRequest) -> dict[str, object]:
        """Return whether the visitor may make one."""
        return {"may_make": self.has_add_permission(request)}

    @admin.display(description=_("token"), ordering="name")
    def described(self, token: ApiToken) -> SafeString:
        """Return the name with the first characters below it."""
        return format_html("<bdi>{}</bdi><br><small>{}…</small>", token.name, token.shown)

    @admin.display(description=_("account"), ordering="user__username")
    def account(self, token: ApiToken) -> str:
        """Return whose it is."""
        return name_of(token.user)

    @admin.display(description=_("begins with"))
    def begins_with(self, token: ApiToken) -> str:
        """Return the first characters."""
        return f"{token.shown}…"

    @admin.display(description=pgettext_lazy("what a token is for", "may"))
    def purpose(self, token: ApiToken) -> str:
        """Return the scopes in words."""
        return capfirst(", ".join(str(words) for scope, words in _MAY.items() if scope in token.scopes))

    @admin.display(description=_("only from"))
    def from_where(self, token: ApiToken) -> str:
        """Return the networks."""
        return ", ".join(token.networks) or gettext("Anywhere")

    @display(description=_("state"), label=_COLOURS)  # type: ignore[arg-type]  # the theme types it as str
    def standing(self, token: ApiToken) -> tuple[str, str]:
        """Return whether it can be used, as a pill."""
        standing = _standing(token)
        return standing.value, standing.label

    @admin.display(description=_("expires after"), ordering="expires_at")
    def expires(self, token: ApiToken) -> str:
        """Return the last day on which it can be used."""
        return day(timezone.localtime(token.expires_at) - timedelta(microseconds=1))

    @admin.display(description=_("last used"), ordering="last_used_at")
    def last_used(self, token: ApiToken) -> str:
        """Return the hour; it is noted once an hour."""
        if token.last_used_at is None:
            return gettext("Never")
        hour = timezone.localtime(token.last_used_at)
        return say("{day}, about {time}", day=hour.date(), time=clock(hour))

    # --- Make ---------------------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: object = None) -> HttpResponse:
        """Make a token, and show its secret in the answer to the form: nowhere else, and never again."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        made: list[tuple[ApiToken, str]] = []
        if request.method != "POST":
            return self._form(request, made)
        answer = answer_once(request, lambda: self._form(request, made))
        if not made:
            return answer
        token, secret = made[0]
        return admin_response(
            request, "tokens/made.html", {"title": gettext("Token made"), "token": token, "secret": secret}
        )

    def _form(self, request: HttpRequest, made: list[tuple[ApiToken, str]]) -> HttpResponse:
        """Show the form; where it is sent and valid, add the new token to ``made``."""
        form = TokenForm(request.POST if request.method == "POST" else None, by=user_of(request))
        if request.method == "POST" and form.is_valid():
            made.append(form.make())
            return redirect("admin:customers_apitoken_changelist")
        context = {"title": gettext("New API token"), "form": form}
        return admin_response(request, "tokens/new.html", context, status=422 if form.errors else 200)

    # --- Revoke -------------------------------------------------------------------------------------------------

    def has_revoke_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """For who may change tokens, of one that is not revoked."""
        token = self.get_object(request, str(object_id))
        may = request.user.has_perm("customers.change_apitoken")
        return may and isinstance(token, ApiToken) and token.revoked_at is None

    @action(description=_("Revoke"), url_path="revoke", permissions=["revoke"])  # type: ignore[operator, arg-type]  # it decorates
    def revoke(self, request: StaffRequest, object_id: str) -> HttpResponse:
        """Ask first; when sent, end the token for good."""
        token = self.get_object(request, object_id)
        if not isinstance(token, ApiToken):
            raise Http404(gettext("There is no such token."))
        if request.method == "POST":
            end_tokens(ApiToken.objects.filter(pk=token.pk))
            messages.success(request, say("{name} is revoked.", name=token.name))
            return redirect("admin:customers_apitoken_changelist")
        return admin_response(request, "tokens/revoke.html", {"title": gettext("Revoke token"), "token": token})
