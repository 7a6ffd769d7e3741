"""The page that erases a customer: it shows what will go, and erases once the customer's id is typed."""

from http import HTTPStatus

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext, gettext_lazy

from customers.core.pages import admin_page, admin_response
from customers.erasure.erase import NotErasable, erase, erasure_summary, preview_erasure
from customers.jobs.pages import IMPORT_OR_SCORING_RUNS, failures_told
from customers.models import Customer, Erasure
from customers.text.say import say


class EraseForm(forms.Form):
    """Asks for the customer's id, so that nobody erases by accident."""

    typed = forms.CharField(
        label=gettext_lazy("Type the customer's id"), widget=forms.TextInput({"autocomplete": "off"})
    )

    def __init__(self, pk: str, data: QueryDict | None) -> None:
        super().__init__(data)
        self.pk = pk

    def clean_typed(self) -> str:
        """Return the id; refuse any other text."""
        if self.cleaned_data["typed"] != self.pk:
            raise forms.ValidationError(say("That is not the id of this customer, {key}.", key=self.pk))
        return self.pk


@admin_page("customers.view_customer", "customers.erase_customer")
def erase_customer(request: HttpRequest, pk: str) -> HttpResponse:
    """Show the exact counts of a dry run; once the id is typed, erase, and show the dashboard."""
    customer = get_object_or_404(Customer, pk=pk)
    form = EraseForm(customer.pk, request.POST if request.method == "POST" else None)
    with failures_told(request, NotErasable, busy=IMPORT_OR_SCORING_RUNS):
        if form.is_valid():
            erasure = erase(customer.pk, request.user.get_username())
            gone = erasure_summary(erasure.counts)
            messages.success(request, say("The customer is erased: {gone}.", gone=gone))
            if erasure.state != Erasure.State.DONE:
                messages.warning(
                    request, gettext("Archived files could not be written; the next nightly redacts them.")
                )
            return redirect("admin:index")
        context = {
            "title": say("Erase {customer}", customer=customer.organization),
            "customer": customer,
            "expected": [(gettext(kind), number) for kind, number in preview_erasure(customer.pk).items()],
            "form": form,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
        return admin_response(request, "customers/erasure/page.html", context, status=status)
    return redirect(request.path.removesuffix("erase/") + "change/")
