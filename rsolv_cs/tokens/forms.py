"""The form of a new token: whose, for what, for how long, from where."""

import ipaddress
from datetime import datetime, time, timedelta

from django import forms
from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.audit.trail import related_names
from customers.core.people import by_name, name_of
from customers.models import ApiToken, ServiceAccount
from customers.text.say import say
from rsolv_cs.people.forms import RoleField

MAX_DAYS = 5 * 365
MAX_PER_MINUTE = 60_000
MAX_NETWORKS = 50
_DATE = forms.DateInput(attrs={"type": "date"})


class AccountField(forms.ModelChoiceField):  # type: ignore[type-arg]  # no generic at runtime
    """A choice of accounts by what they are called."""

    def label_from_instance(self, user: User) -> str:
        """Return the name."""
        return name_of(user)


class TokenForm(forms.Form):
    """A token of an account that is there, or of a new one for a program."""

    name = forms.CharField(max_length=100)
    user = AccountField(User.objects.none(), required=False, empty_label=_("A new service account"))
    service = forms.CharField(max_length=150, required=False, validators=[UnicodeUsernameValidator()])
    role = RoleField(Group.objects.order_by("pk"), required=False, empty_label=_("Choose a role"))
    scopes = forms.MultipleChoiceField(choices=ApiToken.Scope, widget=forms.CheckboxSelectMultiple)
    expires = forms.DateField(widget=_DATE)
    networks = forms.CharField(max_length=3_000, required=False, widget=forms.Textarea(attrs={"rows": 2}))
    per_minute = forms.IntegerField(min_value=1, max_value=MAX_PER_MINUTE, initial=ApiToken.PER_MINUTE)

    def __init__(self, *args: object, by: User, **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]  # Django's own arguments, passed on
        self.by = by
        accounts = self.fields["user"]
        if isinstance(accounts, AccountField):
            accounts.queryset = User.objects.filter(is_active=True, is_staff=True).order_by(*by_name(""))
        self.fields["expires"].initial = timezone.localdate() + ApiToken.EXPIRES_AFTER

    def clean_name(self) -> str:
        """Return the name on one line."""
        return " ".join(str(self.cleaned_data["name"]).split())

    def clean_expires(self) -> datetime:
        """Return the end of the day."""
        day, today = self.cleaned_data["expires"], timezone.localdate()
        if not today <= day <= today + timedelta(days=MAX_DAYS):
            raise forms.ValidationError(gettext("Choose a day from today on, within five years."))
        return timezone.make_aware(datetime.combine(day + timedelta(days=1), time()))

    def clean_networks(self) -> list[str]:
        """Return networks as they are stored; a single address is a network of its own."""
        given = str(self.cleaned_data["networks"]).replace(",", " ").split()
        if len(given) > MAX_NETWORKS:
            raise forms.ValidationError(say("These are more than {most} networks.", most=MAX_NETWORKS))
        found = []
        for text in given:
            try:
                found.append(str(ipaddress.ip_network(text)))
            except ValueError as error:
                raise forms.ValidationError(
                    say("{text} is not a network; write one such as 192.0.2.0/24 or 2001:db8::/32.", text=text)
                ) from error
        return list(dict.fromkeys(found))

    def clean(self) -> None:
        """Ask for one account, which may do no more than whoever makes the token."""
        given = self.cleaned_data
        user, service, role = given.get("user"), given.get("service"), given.get("role")
        if "user" in self.errors:
            return
        if user is None:
            self._check_service(service, role)
            asked = set(related_names(Permission.objects.filter(group=role))) if role else set()
        else:
            asked = user.get_all_permissions()
        if asked - self.by.get_all_permissions():
            self.add_error(
                "role" if user is None else "user", gettext("You cannot give out more than you may do yourself.")
            )

    def _check_service(self, service: str | None, role: Group | None) -> None:
        if not self.by.has_perm("auth.add_user"):
            self.add_error("user", gettext("You may not add accounts; choose one."))
        if not service and "service" not in self.errors:
            self.add_error("service", gettext("Name the new account."))
        elif User.objects.filter(username__iexact=service).exists():
            self.add_error(
                "service", say("Somebody has the login {login} already; choose another name.", login=service or "")
            )
        if role is None and "role" not in self.errors:
            self.add_error("role", gettext("Choose what the new account may do."))

    def make(self) -> tuple[ApiToken, str]:
        """Store what a valid form asks for; return the token with its secret."""
        given = self.cleaned_data
        with transaction.atomic():
            user = given["user"] or _new_account(given["service"], given["role"])
            return ApiToken.make(
                user,
                given["name"],
                given["scopes"],
                expires_at=given["expires"],
                networks=given["networks"],
                per_minute=given["per_minute"],
                made_by=self.by.get_username(),
            )


def _new_account(login: str, role: Group) -> User:
    """Make the account of a program: with a role, without a password."""
    user = User(username=login, is_staff=True)
    user.set_unusable_password()
    user.save(force_insert=True)
    user.groups.add(role)
    ServiceAccount.objects.create(user=user)
    return user
