"""The pages that publish a draft, withdraw a policy, and end one for a segment: each asks, then does it."""

from collections.abc import Sequence
from datetime import date, timedelta

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from analytics.alerts.evaluate import evaluate
from analytics.models import PortfolioDay, ScoringPolicy
from analytics.pages.scoring_stream import scoring_stream
from analytics.policy_lab import publishing
from analytics.policy_lab.history import note_done
from analytics.policy_lab.numbers import changed_numbers
from analytics.policy_lab.publishing import Refused
from customers.clock import program_today
from customers.core.pages import StaffRequest, admin_page, admin_response
from customers.jobs.lock import LockHeld, job_lock
from customers.jobs.pages import IMPORT_OR_SCORING_RUNS, failures_told
from customers.text.say import english, in_english, say
from customers.text.written import day as written_day

MAY_PUBLISH = ("analytics.view_scoringpolicy", "analytics.change_scoringpolicy")
MAX_NOTE_LENGTH = 2_000
FAR = timedelta(days=366)
"""A first date further ahead than this may be a slip of the finger, so it is asked about."""


class PublishForm(forms.Form):
    """From when on, and why; ``content`` is what the visitor saw of the draft."""

    first = forms.DateField(label=pgettext_lazy("first date", "From"), widget=forms.DateInput(attrs={"type": "date"}))
    note = forms.CharField(label=_("Why"), max_length=MAX_NOTE_LENGTH, widget=forms.Textarea(attrs={"rows": 3}))
    content = forms.CharField(widget=forms.HiddenInput)

    def __init__(
        self, data: QueryDict | None = None, *, draft: ScoringPolicy, initial: dict[str, object] | None = None
    ) -> None:
        super().__init__(data, initial=initial, label_suffix="")
        self.draft = draft

    def clean_content(self) -> str:
        """Refuse a draft that is another one by now."""
        content: str = self.cleaned_data["content"]
        if content != self.draft.content:
            raise forms.ValidationError(
                gettext("Somebody has changed this draft since you opened the page. Look again.")
            )
        return content

    def clean(self) -> None:
        """Refuse what cannot be published from the date."""
        super().clean()
        if first := self.cleaned_data.get("first"):
            for problem in publishing.why_not(self.draft, first):
                self.add_error(None, problem)


class EndForm(forms.Form):
    """The last date of a policy."""

    last = forms.DateField(label=_("Last date"), widget=forms.DateInput(attrs={"type": "date"}))


@admin_page(*MAY_PUBLISH)
def publish_policy(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Ask from when on and why, then publish; dates that are scored by then are scored again at once."""
    draft = get_object_or_404(ScoringPolicy, pk=pk)
    if not draft.is_draft:
        messages.info(request, say("“{policy}” is already published.", policy=draft.name))
        return redirect(_page_of(draft))
    newest = PortfolioDay.objects.newest()
    today = program_today()
    first = max(today, newest.date + timedelta(days=1)) if newest else today
    if request.method != "POST":
        initial = {"first": first, "note": draft.note, "content": draft.content}
        return _ask(request, draft, PublishForm(initial=initial, draft=draft))
    form = PublishForm(request.POST, draft=draft)
    if not form.is_valid():
        form.data = {**request.POST.dict(), "content": draft.content}
        return _ask(request, draft, form, status=422)
    first = form.cleaned_data["first"]
    again, is_far = publishing.dates_to_score_again(draft, first), first > today + FAR
    if (again and request.POST.get("again") != str(len(again))) or (
        is_far and request.POST.get("far") != first.isoformat()
    ):
        return _ask(request, draft, form, again, is_far=is_far)
    return _publish(request, draft, form, again)


def _publish(request: StaffRequest, draft: ScoringPolicy, form: PublishForm, again: list[date]) -> HttpResponseBase:
    first, note, by = form.cleaned_data["first"], form.cleaned_data["note"], request.user.get_username()

    def publish() -> None:
        publishing.publish(draft, first, note, by)
        with in_english():
            note_done(draft, request.user, english(f"Published from {written_day(first)}."))

    def begin() -> str:
        try:
            publish()
        except Refused as refusal:
            return str(refusal)
        return ""

    if again:
        context = {"title": say("Publish {policy}", policy=draft.name), "policy": draft}
        return scoring_stream(request, "analytics/policy_lab/publish.html", context, again, begin, _alerts_follow)
    with failures_told(request, Refused, busy=IMPORT_OR_SCORING_RUNS), job_lock("score"):
        publish()
        said = say("“{policy}” is published: it scores from {day} on.", policy=draft.name, day=first)
        messages.success(request, said)
    return redirect(_page_of(draft))


def _alerts_follow() -> str:
    """Bring the alerts in step with the scores, and say what that did."""
    try:
        with job_lock("alerts"), job_lock("score", shared=True), job_lock("import", shared=True):
            found = evaluate(of_feeds=False)
    except LockHeld:
        return gettext("Alerts follow with the next nightly run: somebody else evaluates, scores or imports now.")
    said = say(
        "Alerts: {raised} raised, {worse} worse, {closed} closed.",
        raised=found.raised,
        worse=found.worse,
        closed=found.closed,
    )
    if not found.held_back:
        return said
    wait = say("Those that are computed from engagement wait: {reason}.", reason=str(found.held_back))
    return f"{said} {wait}"


def _ask(
    request: HttpRequest,
    draft: ScoringPolicy,
    form: PublishForm,
    again: Sequence[date] = (),
    *,
    is_far: bool = False,
    status: int = 200,
) -> HttpResponse:
    first: date | None = form["first"].value() if not form.is_bound else form.cleaned_data.get("first")
    before = publishing.replaced_by(draft, first) if first else None
    context = {
        "title": say("Publish {policy}", policy=draft.name),
        "policy": draft,
        "form": form,
        "before": before,
        "numbers": changed_numbers(before, draft) if before else [],
        "again": again,
        "far": first if is_far else None,
        "following": publishing.followed_by(draft, first) if first else None,
    }
    return admin_response(request, "analytics/policy_lab/publish.html", context, status=status)


@admin_page(*MAY_PUBLISH)
def withdraw_policy(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask, then make a policy that has scored nothing a draft again."""
    policy = get_object_or_404(ScoringPolicy, pk=pk)
    if request.method == "POST":
        with failures_told(request, Refused, busy=IMPORT_OR_SCORING_RUNS), job_lock("score"):
            publishing.withdraw(policy)
            note_done(policy, request.user, english("Withdrawn: it is a draft again."))
            messages.success(request, say("“{policy}” is a draft again.", policy=policy.name))
        return redirect(_page_of(policy))
    title = say("Withdraw {policy}", policy=policy.name)
    context = {"title": title, "policy": policy, "problem": publishing.why_not_withdrawn(policy)}
    return admin_response(request, "analytics/policy_lab/withdraw.html", context)


@admin_page(*MAY_PUBLISH)
def end_policy(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask for the last date of a policy for a segment, then let it end."""
    policy = get_object_or_404(ScoringPolicy, pk=pk)
    earliest = publishing.earliest_end(policy)
    sent = request.POST if request.method == "POST" else None
    form = EndForm(sent, initial={"last": earliest}, label_suffix="")
    if form.is_bound and form.is_valid():
        last = form.cleaned_data["last"]
        with failures_told(request, Refused, busy=IMPORT_OR_SCORING_RUNS), job_lock("score"):
            publishing.end(policy, last)
            with in_english():
                note_done(policy, request.user, english(f"Ends: {written_day(last)} is its last date."))
            messages.success(request, say("“{policy}” scores {day} as its last date.", policy=policy.name, day=last))
        return redirect(_page_of(policy))
    context = {"title": say("End {policy}", policy=policy.name), "policy": policy, "form": form, "earliest": earliest}
    status = 422 if form.is_bound else 200
    return admin_response(request, "analytics/policy_lab/end.html", context, status=status)


def _page_of(policy: ScoringPolicy) -> str:
    return reverse("admin:analytics_scoringpolicy_change", args=[policy.pk])
