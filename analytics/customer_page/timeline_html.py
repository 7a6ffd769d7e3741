"""An entry of the timeline as HTML."""

from collections.abc import Collection

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics.customer_page.timeline import Entry

_ENTRY = '<li class="of-{}{}"><time datetime="{}">{}</time><div><p class="said" dir="auto">{}</p>{}</div></li>'


def timeline_entry(entry: Entry, year: int, may_open: Collection[str]) -> SafeString:
    """An item of a timeline; its date has a year where that is not ``year``, its link is for who ``may_open`` it."""
    by = ""
    if entry.kind == "import":
        run = f"run {entry.run}"
        run = format_html('<a href="{}">{}</a>', entry.address, run) if "import" in may_open else run
        by = format_html("<small>{}, {}, {}</small>", entry.who, run, _time(entry))
    elif entry.who:
        link = format_html(', <a href="{}">{}</a>', entry.address, entry.kind) if entry.kind in may_open else ""
        by = format_html('<small><span dir="auto">{}</span>, {}{}</small>', entry.who, _time(entry), link)
    day = f"{entry.day:%-d %b}" if entry.day.year == year else f"{entry.day:%-d %b %Y}"
    staff = " by-staff" if entry.who and entry.kind != "import" else ""
    return format_html(_ENTRY, entry.kind, staff, entry.day.isoformat(), day, entry.text, by)


def _time(entry: Entry) -> str:
    return f"{timezone.localtime(entry.moment):%H:%M}" if entry.moment else ""
