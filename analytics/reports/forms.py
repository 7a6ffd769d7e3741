"""The form of a report, and what it shares with that of a board."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from analytics.models import Board, Report, Shared
from analytics.reports.saved_views import users_who_may_export, why_no_mail
from customers.clock import program_today
from customers.core.people import by_name, name_of
from customers.editing.conflicts import EditConflictMixin
from customers.text.say import say


class SharedForm(EditConflictMixin, forms.ModelForm):  # type: ignore[type-arg]  # no generic at runtime
    """Name, who sees it, and how it is mailed; ``people`` are the possible recipients."""

    instance: Shared

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
        self.model = type(self.instance)
        self.taken = (
            gettext("There is a board of that name already; choose another one.")
            if self.model is Board
            else gettext("There is a report of that name already; choose another one.")
        )
        self.exporting = set(users_who_may_export().values_list("pk", flat=True))
        self.was_scheduled = self.instance.schedule
        if not self.instance.pk and not why_no_mail(owner, self.exporting):
            self.initial["recipients"] = [owner.pk]
        chosen = self.instance.recipients.values("pk") if self.instance.pk else []
        staff = User.objects.filter(Q(is_active=True, is_staff=True, service_account=None) | Q(pk__in=chosen))
        self.staff = staff.order_by(*by_name(""))
        field = self.fields["recipients"]
        if isinstance(field, forms.ModelMultipleChoiceField):
            field.queryset = self.staff

    @property
    def people(self) -> list[tuple[User, str, bool]]:
        """Each possible recipient, why it cannot be one, and whether it is chosen."""
        chosen = {str(getattr(one, "pk", one)) for one in self["recipients"].value() or []}
        return [(user, why_no_mail(user, self.exporting), str(user.pk) in chosen) for user in self.staff]

    def clean_name(self) -> str:
        """What one owns has names of its own."""
        name = " ".join(self.cleaned_data["name"].split())
        same = self.model._default_manager.filter(owner=self.owner, name=name).exclude(pk=self.instance.pk)
        if same.exists():
            raise forms.ValidationError(self.taken)
        return name

    def clean_recipients(self) -> QuerySet[User]:
        """Those who can be sent a report; the others are refused with the reason."""
        refused = [
            say("{person}: {reason}.", person=name_of(user), reason=why)
            for user in self.cleaned_data["recipients"]
            if (why := why_no_mail(user, self.exporting))
        ]
        if refused:
            raise forms.ValidationError(refused)
        recipients: QuerySet[User] = self.cleaned_data["recipients"]
        return recipients

    def clean(self) -> None:
        """What is mailed needs somebody to get it, and an owner who may export."""
        super().clean()
        if not self.cleaned_data.get("schedule"):
            return
        if "recipients" not in self.errors and not self.cleaned_data.get("recipients"):
            self.add_error("recipients", gettext("Choose who gets it."))
        if self.owner.pk not in self.exporting:
            refused = gettext("It cannot be mailed, because its owner may not export customers.")
            self.add_error("schedule", refused)

    def save(self, commit: bool = True) -> Shared:
        """Store it; a schedule that is new begins on the day after."""
        self.instance.owner = self.owner
        if self.instance.schedule != self.was_scheduled:
            self.instance.scheduled_on = program_today() if self.instance.schedule else None
        saved: Shared = super().save(commit)
        return saved

    def store(self) -> Shared | None:
        """Store a valid form; None, with the reason at the name, where another save took that name meanwhile."""
        try:
            with transaction.atomic():
                return self.save()
        except IntegrityError:
            self.add_error("name", self.taken)
            return None


class ReportForm(SharedForm):
    """The date of a report and its file, too."""

    class Meta:
        model = Report
        fields = ["name", "shared", "as_of", "schedule", "format", "recipients"]
