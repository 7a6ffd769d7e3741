"""What Administrators do about logins: unlock one, and reset a second factor."""

from datetime import datetime

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.decorators import action

from customers.admin.users import UserAdmin
from customers.core.pages import StaffRequest, admin_response
from customers.editing.model_admin import ModelAdmin
from customers.text.say import english, say
from rsolv_cs.login import second_factor
from rsolv_cs.login.second_factor_views import note

# Their own pages show secrets, and let one be made for somebody else.
admin.site.unregister([StaticDevice, TOTPDevice, User])


class UserWithFactorAdmin(UserAdmin):
    """Users, and the reset of a second factor whose phone and codes are lost."""

    actions_detail = ["reset_second_factor"]  # type: ignore[assignment]  # unfold declares the empty tuple

    def has_reset_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """For another's only: one's own is turned off on its page, with a code."""
        if not request.user.has_perm("auth.change_user"):
            return False
        person = self.get_object(request, str(object_id))
        is_others = person is not None and person != request.user
        return is_others and TOTPDevice.objects.filter(user=person, confirmed=True).exists()

    @action(description=_("Reset two-factor authentication"), url_path="second-factor", permissions=["reset"])  # type: ignore[operator, arg-type]  # it decorates
    def reset_second_factor(self, request: StaffRequest, object_id: str) -> HttpResponse:
        """Ask first; when sent, remove it and record that."""
        person = self.get_object(request, object_id)
        if not isinstance(person, User):
            raise Http404(gettext("There is no such user."))
        back = f"{self.admin_site.name}:auth_user_change"
        if request.method == "POST":
            second_factor.remove(person)
            note(request.user, person, english("Reset two-factor authentication."))
            messages.success(
                request, say("Two-factor authentication of {login} is reset.", login=person.get_username())
            )
            return redirect(back, person.pk)
        context = {
            "title": gettext("Reset two-factor authentication"),
            "person": person,
            "back": redirect(back, person.pk).url,
            "must": second_factor.is_required(person),
        }
        return admin_response(request, "second_factor/reset.html", context)


SHOWN = ("username", "ip_address", "failures_since_start", "attempt_time", "locked_until")


@admin.register(AccessAttempt)
class FailedLoginAdmin(ModelAdmin):
    """Wrong passwords by name and address; deleting them unlocks."""

    nothing_yet = _("Nobody has failed to log in lately.")
    list_display = SHOWN
    search_fields = ["username", "ip_address"]
    fields = readonly_fields = (*SHOWN, "user_agent")
    actions = ["unlock"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AccessAttempt | None = None) -> bool:
        """They are deleted, not changed."""
        return False

    @admin.display(description=_("locked until"))
    def locked_until(self, attempt: AccessAttempt) -> datetime | None:
        """When it is forgotten, if there are too many."""
        until = attempt.attempt_time + settings.AXES_COOLOFF_TIME
        is_locked = attempt.failures_since_start >= settings.AXES_FAILURE_LIMIT and until > timezone.now()
        return until if is_locked else None

    @admin.action(description=_("Unlock these logins"), permissions=["delete"])
    def unlock(self, request: HttpRequest, rows: QuerySet[AccessAttempt]) -> None:
        """Forget the failures of these names at these addresses, whatever browsers they came from."""
        pairs = set(rows.values_list("username", "ip_address"))
        for username, address in pairs:
            AccessAttempt.objects.filter(username=username, ip_address=address).delete()
        names = sorted({name or gettext("(no name)") for name, _address in pairs})
        messages.success(request, say("Unlocked: {names}.", names=", ".join(names)))
