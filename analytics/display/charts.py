"""Charts as data: what ``charts.js`` draws, and the table that says the same in figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from django.utils.translation import gettext_lazy

from customers.text.say import Words
from customers.text.written import number

_DATE = gettext_lazy("Date")


@dataclass(frozen=True)
class Series:
    """A line or a set of bars: a value (or None) for each label, and its ``tone``, a theme colour.

    What ``is_former`` is a faint line, which says how it was before.
    """

    label: str
    values: Sequence[float | None]
    tone: str = "accent"
    is_former: bool = False


@dataclass(frozen=True)
class Mark:
    """A vertical line at a label, and what happened there."""

    label: str
    text: str


@dataclass(frozen=True)
class Chart:
    """``key`` names it within its page; ``title`` is what a screen reader says and the table's caption.

    ``definition`` says to people what is counted, beside the chart's heading.

    ``addresses`` are where the labels lead, one for each and '' where that is nowhere; none for a chart without any.
    """

    key: str
    title: str
    kind: Literal["line", "bar", "area"]
    labels: Sequence[str]
    series: Sequence[Series]
    stacked: bool = False
    marks: Sequence[Mark] = field(default_factory=list)
    unit: Words = _DATE
    addresses: Sequence[str] = ()
    definition: str = ""

    @property
    def data_id(self) -> str:
        """The id of the element that holds the data."""
        return f"{self.key}-data"

    def data(self) -> dict[str, object]:
        """Return what the script draws."""
        return {
            "kind": self.kind,
            "stacked": self.stacked,
            "labels": list(self.labels),
            "series": [
                {"label": one.label, "tone": one.tone, "values": list(one.values), "former": one.is_former}
                for one in self.series
            ],
            "marks": [{"label": mark.label, "text": mark.text} for mark in self.marks],
            "addresses": list(self.addresses),
        }

    def rows(self) -> Iterator[tuple[str, str, list[str], str]]:
        """Yield the table's rows, the last label first: label, its address, a figure of each series, the marks."""
        texts: dict[str, list[str]] = {}
        for mark in self.marks:
            texts.setdefault(mark.label, []).append(mark.text)
        for index, label in reversed(list(enumerate(self.labels))):
            values = [one.values[index] for one in self.series]
            figures = ["–" if value is None else number(value) for value in values]
            yield label, self.addresses[index] if self.addresses else "", figures, "; ".join(texts.get(label, []))
