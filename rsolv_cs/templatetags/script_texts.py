"""What the scripts of the pages say, for the catalogues: ``in_words.js`` looks it up in the page."""

from django import template
from django.utils.html import json_script
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

from customers.text.say import SOURCE

register = template.Library()

SCRIPT_TEXTS = (
    # charts.js
    _("Save as PNG"),
    _("Save as PNG: {title}"),
    # copying.js and copy_token.js
    _("Copied"),
    _("Copy table"),
    _("Not copied: select the table and copy it"),
    _("Selected: copy it now"),
    # drafts.js
    _(", then go on."),
    _("Discard"),
    _("Put it back"),
    _("You are logged out. Your text stays here: "),
    _("You did not send this text of {moment}, and the page says something else by now:"),
    _("Your unsent text of {moment} is back."),
    _("log in, in a new tab"),
    # live.js
    _("Changes are looked for every minute"),
    _("Changes show within seconds"),
    _("Every minute"),
    _("Live"),
    _("Offline"),
    _("The server cannot be reached; this page tries again by itself"),
    _("Updates: "),
    # names.js
    _("Filters"),
    _("Rows"),
    # palette.js
    _("No connection. Check the network and try again."),
    _("Still searching…"),
    _("The search failed. Try again."),
    _("You are logged out. Log in again to search."),
    # policy_lab.js
    _("The back-test has stopped. Reload the page to continue it."),
    _("The preview could not be loaded. Reload the page to try again."),
    # rule_lab.js
    _("The next dates could not be loaded. Try again, or reload the page."),
    # selection.js
    _("{number} selected"),
    # refresh.js
    _("Not refreshed since {time}"),
    _("Not refreshed since {time}: logged out"),
    _("Not refreshed since {time}: no access any more"),
    _("Nothing new at {time}"),
    _("Updated {time}"),
)


@register.simple_tag
def script_texts() -> SafeString | str:
    """Return what the scripts look up, as JSON; nothing in English, which they speak by themselves."""
    if get_language() == SOURCE:
        return ""
    return json_script({text: gettext(text) for text in SCRIPT_TEXTS}, "script-texts")
