"""The forms of accounts: an invitation, a role's copy, and the address of somebody who forgot a password."""

from django import forms
from django.contrib.auth.models import Group, User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.mail.message import mail_address
from customers.core.people import name_of
from customers.core.roles import role_label
from customers.text.say import say
from rsolv_cs.people.invitations import NewAccount

MAX_NAME_LENGTH = 150


def _one_line(text: str) -> str:
    return " ".join(text.split())


class RoleField(forms.ModelChoiceField):  # type: ignore[type-arg]  # no generic at runtime
    """A choice of roles by what pages call them."""

    def label_from_instance(self, role: Group) -> str:
        """Return the name."""
        return role_label(role.name)


class InviteForm(forms.Form):
    """Name, address and role; the login is the address where none is given."""

    name = forms.CharField(max_length=MAX_NAME_LENGTH)
    email = forms.CharField(max_length=254, widget=forms.EmailInput)
    role = RoleField(Group.objects.order_by("pk"), empty_label=_("Choose a role"))
    login = forms.CharField(max_length=150, required=False, validators=[UnicodeUsernameValidator()])

    def clean_name(self) -> str:
        """Return the name on one line."""
        return _one_line(self.cleaned_data["name"])

    def clean_email(self) -> str:
        """Return an address that no other account has."""
        try:
            email = mail_address(self.cleaned_data["email"])
        except ValueError as error:
            raise forms.ValidationError(f"{error}.") from error
        other = User.objects.filter(email__iexact=email).first()
        if other:
            raise forms.ValidationError(say("{name} has this address already.", name=name_of(other)))
        return email

    def clean(self) -> None:
        """Take the address for the login, and refuse one that somebody has."""
        login = self.cleaned_data.get("login") or self.cleaned_data.get("email", "").lower()
        if login and User.objects.filter(username__iexact=login).exists():
            self.add_error("login", say("Somebody has the login {login} already; choose another one.", login=login))
        elif len(login) > MAX_NAME_LENGTH:
            self.add_error("login", gettext("The address is too long for a login; choose one."))
        self.cleaned_data["login"] = login

    @property
    def account(self) -> NewAccount:
        """Return what a valid form asks for."""
        given = self.cleaned_data
        return NewAccount(given["name"], given["email"], given["login"], given["role"])


class RoleNameForm(forms.Form):
    """The name of a role's copy."""

    name = forms.CharField(max_length=150)

    def clean_name(self) -> str:
        """Return a name that no other role has."""
        name = _one_line(self.cleaned_data["name"])
        if Group.objects.filter(name__iexact=name).exists():
            raise forms.ValidationError(gettext("There is a role of that name already; choose another one."))
        return name


class ForgottenForm(forms.Form):
    """The address of somebody who forgot a password."""

    email = forms.EmailField(max_length=254)
