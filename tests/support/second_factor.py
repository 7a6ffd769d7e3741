"""Turns the second factor on, and tells its codes."""

import re

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

PAGE = "/admin/second-factor/"
VERIFY = "/admin/second-factor/verify/"
PASSWORD = "a long password"
WRONG = "This code is wrong, or it was used before."
passed = [0]
"""How many seconds have passed, for codes alone."""


def code_of(user: User) -> str:
    """What the app shows now."""
    device = TOTPDevice.objects.get(user=user)
    return f"{totp(device.bin_key, t0=-passed[0]):06d}"


def turn_on(client: Client, user: User) -> list[str]:
    """Its recovery codes."""
    assert client.post(PAGE, {"do": "begin"}).status_code == 302
    response = client.post(PAGE, {"do": "confirm", "code": code_of(user)})
    assert response.status_code == 200
    return re.findall(r"<li>([a-z0-9]{5}-[a-z0-9]{5})</li>", response.text)


def log_in(client: Client, user: User, to: str = "/admin/") -> HttpResponse:
    """Log in by the password, and follow to the page that comes."""
    return client.post(
        f"/admin/login/?next={to}", {"username": user.username, "password": PASSWORD, "next": to}, follow=True
    )
