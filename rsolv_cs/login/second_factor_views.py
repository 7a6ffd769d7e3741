"""The pages of the second factor: where one turns it on and off, and where its code is asked for."""

from http import HTTPStatus

import segno
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django_otp.plugins.otp_totp.models import TOTPDevice

from customers.audit import trail
from customers.core.pages import StaffRequest, admin_page, admin_response, next_page
from customers.text.say import english
from rsolv_cs.login import second_factor


@sensitive_post_parameters("code")
@admin_page()
def manage(request: StaffRequest) -> HttpResponse:
    """Turn it on with a code, have new recovery codes, turn it off."""
    do = request.POST.get("do", "") if request.method == "POST" else ""
    step = {"begin": _begin, "confirm": _confirm, "codes": _new_codes, "remove": _remove}.get(do)
    return step(request) if step else _page(request)


def _page(request: StaffRequest, status: int = 200, **more: object) -> HttpResponse:
    user = request.user
    is_on = TOTPDevice.objects.filter(user=user, confirmed=True).exists()
    waiting = None if is_on else second_factor.pending_device(user)
    context = {
        "title": gettext("Two-factor authentication"),
        "is_on": is_on,
        "is_required": second_factor.is_required(user),
        # Whoever must have one sees nothing else until then: no sidebar with its numbers either.
        "layout": "login/page.html" if second_factor.needed(request) else "second_factor/inside.html",
        "left": second_factor.codes_left(user) if is_on else 0,
        "secret": second_factor.secret(waiting) if waiting else "",
        "qr": _qr(waiting) if waiting else "",
        "next": next_page(request, reverse("admin:index")),
        **more,
    }
    return admin_response(request, "second_factor/manage.html", context, status=status)


def _begin(request: StaffRequest) -> HttpResponse:
    if not second_factor.has_factor(request.user):
        second_factor.begin(request.user)
    return redirect("second-factor")


def _confirm(request: StaffRequest) -> HttpResponse:
    device = second_factor.pending_device(request.user)
    if device is None or second_factor.has_factor(request.user):
        messages.error(request, gettext("This took longer than a quarter of an hour; please begin again."))
        return redirect("second-factor")
    codes = second_factor.confirm(request, device, request.POST.get("code", ""))
    if codes is None:
        return _page(request, HTTPStatus.UNPROCESSABLE_ENTITY, error=second_factor.wrong(device))
    note(request.user, request.user, english("Turned two-factor authentication on."))
    return _page(request, codes=codes)


def _new_codes(request: StaffRequest) -> HttpResponse:
    error = second_factor.verify_code(request, request.POST.get("code", ""))
    if error:
        return _page(request, HTTPStatus.UNPROCESSABLE_ENTITY, error=error, failed="codes")
    note(request.user, request.user, english("Made new recovery codes."))
    return _page(request, codes=second_factor.new_recovery_codes(request.user))


def _remove(request: StaffRequest) -> HttpResponse:
    if second_factor.is_required(request.user):
        return _page(
            request,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            error=gettext("Your role needs two-factor authentication."),
            failed="remove",
        )
    error = second_factor.verify_code(request, request.POST.get("code", ""))
    if error:
        return _page(request, HTTPStatus.UNPROCESSABLE_ENTITY, error=error, failed="remove")
    second_factor.remove(request.user)
    note(request.user, request.user, english("Turned two-factor authentication off."))
    messages.success(request, gettext("Two-factor authentication is off."))
    return redirect("second-factor")


@sensitive_post_parameters("code")
@admin_page()
def verify(request: StaffRequest) -> HttpResponse:
    """Ask for a code after the password."""
    back, error = next_page(request, reverse("admin:index")), ""
    if second_factor.needed(request) != "verify-second-factor":
        return redirect(back)
    if request.method == "POST":
        error = second_factor.verify_code(request, request.POST.get("code", ""))
        if not error:
            return redirect(back)
    context = {"title": gettext("Two-factor authentication"), "error": error, "next": back}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
    return admin_response(request, "second_factor/verify.html", context, status=status)


def note(by: User, user: User, what: str) -> None:
    """Record it in the user's history and in the audit."""
    trail.record(trail.Action.RIGHTS, user, detail=what)
    LogEntry.objects.log_actions(by.pk, [user], CHANGE, change_message=what, single_object=True)


def _qr(device: TOTPDevice) -> SafeString:
    """The secret as a picture for an app's camera; dark on white in either theme, or cameras miss it."""
    picture: str = segno.make(device.config_url, error="m", micro=False).svg_inline(
        border=2, light="#fff", dark="#000", omitsize=True
    )
    return mark_safe(picture)  # noqa: S308 - shapes alone, no text
