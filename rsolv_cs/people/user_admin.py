"""The list of users and the pages of one: who they are, their roles, whether they have joined, how they log in."""

from typing import Any

from axes.models import AccessAttempt
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.decorators import action, display
from unfold.forms import UserChangeForm

from analytics.models import Invitation
from customers.core.pages import StaffRequest, admin_response, user_of
from customers.core.roles import role_label
from customers.editing.form_keys import answer_once
from customers.text.choices import SpokenChoices
from customers.text.numbers import number_or_none
from customers.text.say import say
from rsolv_cs.people import guard, invitations
from rsolv_cs.people.forms import InviteForm
from rsolv_cs.people.views import site_of
from rsolv_cs.sso.admin import LinkedUserAdmin


class AccountStanding(SpokenChoices):
    """Whether somebody can log in."""

    INVITED = "invited", _("Invited, not yet joined")
    NOT_SENT = "not_sent", _("Invitation not sent")
    LOCKED = "locked", _("Locked")
    ACTIVE = "active", _("Active")
    OFF = "off", _("Deactivated")
    SERVICE = "service", _("Service account")


_COLOURS: dict[str, str] = {
    AccountStanding.INVITED: "info",
    AccountStanding.NOT_SENT: "danger",
    AccountStanding.LOCKED: "warning",
    AccountStanding.ACTIVE: "success",
    AccountStanding.OFF: "default",
    AccountStanding.SERVICE: "info",
}


class KeepsAnAdministrator(UserChangeForm):
    """Refuses a change after which nobody could manage users."""

    class Meta(UserChangeForm.Meta):
        labels = {"groups": _("Roles")}
        help_texts = {"groups": _("What a user may do is the sum of their roles.")}

    def clean(self) -> dict[str, Any]:
        """Look at what the account may do afterwards."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        rights = {
            name: given.get(name, getattr(self.instance, name)) for name in ("is_active", "is_staff", "is_superuser")
        }
        roles = given.get("groups", self.instance.groups.all())
        if guard.are_last([self.instance]) and not guard.may_manage(**rights, roles=roles):
            raise forms.ValidationError(guard.REASON)
        return given


def _has_factor() -> Exists:
    return Exists(TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True))


def _standing(user: User, *, is_locked: bool) -> AccountStanding:
    if not (user.is_active and user.is_staff):
        return AccountStanding.OFF
    if hasattr(user, "service_account"):
        return AccountStanding.SERVICE
    invitation: Invitation | None = getattr(user, "invitation", None)
    if invitation and not invitation.joined_at:
        return AccountStanding.NOT_SENT if invitation.state == Invitation.State.FAILED else AccountStanding.INVITED
    return AccountStanding.LOCKED if is_locked else AccountStanding.ACTIVE


def _waiting(user: object) -> QuerySet[Invitation]:
    """Return the invitation of the user with a key, if they have not joined."""
    return Invitation.objects.select_related("user").filter(user=number_or_none(str(user)), joined_at=None)


class FactorFilter(admin.SimpleListFilter):
    """Filter by two-factor authentication."""

    title = _("two-factor authentication")
    parameter_name = "factor"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return on and off."""
        return [("on", gettext("On")), ("off", gettext("Off"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        """Return the users who have it, or have not."""
        if self.value() not in {"on", "off"}:
            return queryset
        return queryset.filter(_has_factor() if self.value() == "on" else ~_has_factor())


class RoleFilter(admin.SimpleListFilter):
    """Filter by role."""

    title = _("role")
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return the roles, and none."""
        return [
            *((str(pk), role_label(name)) for pk, name in Group.objects.order_by("pk").values_list("pk", "name")),
            ("0", gettext("No role")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        """Return the users who have it."""
        chosen = self.value() or ""
        if chosen == "0":
            return queryset.filter(groups=None, is_superuser=False)
        role = number_or_none(chosen)
        return queryset if role is None else queryset.filter(groups=role)


class PeopleAdmin(LinkedUserAdmin):
    """Users: a list that says who is who, and an invitation in the place of a new password for somebody else."""

    form = KeepsAnAdministrator
    list_display = ["person", "email", "roles", "last_login", "factor", "standing"]
    list_filter = [RoleFilter, FactorFilter, "is_active"]
    list_select_related = ["invitation", "service_account"]
    list_fullwidth = True
    list_before_template = "people/tools.html"  # type: ignore[assignment]  # the theme types it as None
    search_help_text = _("Login, name or email")
    actions_detail = ["reset_second_factor", "unlink_provider", "invitation"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return the users with what the list says of each."""
        since = timezone.now() - settings.AXES_COOLOFF_TIME
        tried = AccessAttempt.objects.filter(username=OuterRef("username"), attempt_time__gte=since).order_by()
        found: QuerySet[User] = super().get_queryset(request)
        return found.prefetch_related("groups").annotate(
            two_factor=_has_factor(),
            is_locked=Exists(tried.filter(failures_since_start__gte=settings.AXES_FAILURE_LIMIT)),
        )

    def list_context(self, request: HttpRequest) -> dict[str, object]:
        """Return whether the visitor may invite."""
        return {"may_invite": self.has_add_permission(request)}

    @admin.display(description=_("user"), ordering="username")
    def person(self, user: User) -> SafeString | str:
        """Return the name with the login below it; the login alone where there is no name."""
        name, login = user.get_full_name(), user.get_username()
        return format_html("<bdi>{}</bdi><br><small>{}</small>", name, login) if name else login

    @admin.display(description=_("role"))
    def roles(self, user: User) -> str:
        """Return the roles, or that there is none."""
        every = [gettext("Superuser")] * user.is_superuser + sorted(
            role_label(role.name) for role in user.groups.all()
        )
        return ", ".join(every) or gettext("No role")

    @admin.display(description=_("two-factor"), ordering="two_factor")
    def factor(self, user: Any) -> str:
        """Return whether it is on; ``two_factor`` is of the list's query."""
        return gettext("On") if user.two_factor else gettext("Off")

    @display(description=_("state"), label=_COLOURS)  # type: ignore[arg-type]  # the theme types it as str
    def standing(self, user: Any) -> tuple[str, str]:
        """Return whether somebody can log in, as a pill; ``is_locked`` is of the list's query."""
        standing = _standing(user, is_locked=user.is_locked)
        return standing.value, standing.label

    class Media:
        css = {"all": ["rsolv_cs/people.css"]}

    # --- Invitations ----------------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: object = None) -> HttpResponse:
        """Invite somebody."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        made: list[Invitation] = []
        answer = None
        if request.method == "POST":
            try:
                answer = answer_once(request, lambda: self._invite(request, made))
            except IntegrityError:
                # Somebody has just invited them: the second time the form says so.
                made.clear()
                answer = answer_once(request, lambda: self._invite(request, made))
        if made:
            # After the transaction: nothing is mailed of an account that is not stored.
            return self._sent(request, made[0], invitations.send(made[0], user_of(request), site_of(request)))
        return answer or self._invite(request, made)

    def _invite(self, request: HttpRequest, made: list[Invitation]) -> HttpResponse:
        """Show the form; where it is sent and valid, make the account and add its invitation to ``made``."""
        form = InviteForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            made.append(invitations.create(form.account, user_of(request)))
            return redirect("admin:auth_user_changelist")
        context = {"title": gettext("Invite a user"), "form": form, "days": settings.INVITATION_DAYS}
        return admin_response(request, "people/invite.html", context, status=422 if form.errors else 200)

    def has_invitation_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """For who may add users, of somebody who has not joined."""
        return self.has_add_permission(request) and _waiting(object_id).exists()

    @action(description=_("Invitation"), url_path="invitation", permissions=["invitation"])  # type: ignore[operator, arg-type]  # it decorates
    def invitation(self, request: StaffRequest, object_id: str) -> HttpResponse:
        """Show an invitation; send it again or withdraw it."""
        found = _waiting(object_id).first()
        if found is None:
            raise Http404(gettext("There is no such invitation."))
        do = request.POST.get("do") if request.method == "POST" else ""
        if do == "send":
            return self._sent(request, found, invitations.send(found, request.user, site_of(request)))
        if do == "withdraw":
            name = found.user.get_username()
            if invitations.withdraw(found):
                messages.success(
                    request, say("The invitation of {login} is withdrawn, and the account is gone.", login=name)
                )
            else:
                messages.error(
                    request, say("{login} has joined meanwhile. Deactivate the account instead.", login=name)
                )
            return redirect("admin:auth_user_changelist")
        context = {
            "title": gettext("Invitation"),
            "invitation": found,
            "person": found.user,
            "days": settings.INVITATION_DAYS,
        }
        return admin_response(request, "people/invitation.html", context)

    def _sent(self, request: HttpRequest, made: Invitation, sent: invitations.MailOutcome) -> HttpResponse:
        if not sent.error:
            messages.success(request, say("Invitation sent to {address}.", address=made.user.email))
            return redirect("admin:auth_user_changelist")
        context = {
            "title": gettext("Hand over the invitation"),
            "person": made.user,
            "sent": sent,
            "days": settings.INVITATION_DAYS,
        }
        return admin_response(request, "people/hand_over.html", context)

    # --- The last Administrator -----------------------------------------------------------------------------------

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Not of the last who may manage users."""
        if isinstance(obj, User) and guard.are_last([obj]):
            return False
        return super().has_delete_permission(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Delete the chosen ones together, unless nobody would be left who may manage users."""
        if guard.are_last(queryset):
            messages.error(request, guard.REASON)
            return
        super().delete_queryset(request, queryset)


admin.site.register(User, PeopleAdmin)
