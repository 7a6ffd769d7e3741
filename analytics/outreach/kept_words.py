"""The words that somebody types into a mail: a template takes their place, and they are kept aside meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest, QueryDict

from analytics.models import MailTemplate

ASIDE = "own_"
"""Begins the names of the fields that keep what a template has taken the place of."""


@dataclass(frozen=True)
class Words:
    """A subject and a text that somebody has typed, and the key of the template that they began with."""

    subject: str
    body: str
    template: str

    @classmethod
    def of(cls, asked: QueryDict, prefix: str = "") -> "Words":
        """Return those that a request has in the fields whose names begin so."""
        names = ("subject", "body", "template")
        return cls(*(asked.get(f"{prefix}{name}", "").replace("\r\n", "\n") for name in names))

    @property
    def is_there(self) -> bool:
        """Whether there are any."""
        return bool(self.subject.strip() or self.body.strip())

    def is_like(self, template: MailTemplate | None) -> bool:
        """Return whether they are nobody's own: none, or the template's."""
        same = template and (self.subject, self.body.strip("\n")) == (template.subject, template.body.strip("\n"))
        return bool(same) or not self.is_there


class KeptWords:
    """The words of a request: the ``template`` that they began with, and those that are put ``aside``, if any."""

    def __init__(self, request: HttpRequest, templates: Sequence[MailTemplate]) -> None:
        self.asked = request.POST if request.method == "POST" else request.GET
        self.templates = templates
        self.template = self._named(self.asked.get("template"))
        aside = Words.of(self.asked, ASIDE)
        self.aside = aside if request.method == "POST" and aside.is_there else None

    def choose_template(self) -> MailTemplate | None:
        """Return the template that was chosen, None for none; what was somebody's own is put aside."""
        typed = Words.of(self.asked)
        if typed.is_like(self.template) and self.aside:
            typed = self.aside
        self.aside = None if typed.is_like(self.template) else typed
        self.template = self._named(self.asked.get("choose"))
        return self.template

    def bring_back(self) -> Words:
        """Return what was put aside, back in its place."""
        own, self.aside = self.aside or Words.of(self.asked), None
        self.template = self._named(own.template)
        return own

    def _named(self, key: str | None) -> MailTemplate | None:
        return next((one for one in self.templates if str(one.pk) == key), None)
