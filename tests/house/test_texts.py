"""Every text goes through a catalogue, and each catalogue is whole; ``make messages`` and a translator mend them."""

import re
from string import Formatter

import pytest
from django.utils.translation import gettext, override

from rsolv_cs.catalogues import APPS, TRANSLATED, Key, messages, po_file, read, text_key, texts, wanted
from tests.support import ROOT
from tests.support.bare_templates import bare_in_template
from tests.support.bare_texts import bare_in_module, bare_texts, files

pytestmark = pytest.mark.sqlite_is_enough
_PERCENT = re.compile(r"%\((\w+)\)[sd]")
_TAG = re.compile(r"</?[a-z][^>]*>")


def every(language: str) -> dict[Key, object]:
    """The texts of all catalogues of a language, and what each is in it."""
    return {text_key(one): one.string for app in APPS for one in messages(read(po_file(app, language), language))}


def placeholders(text: str) -> set[str]:
    """The names in braces and in percents, and the tags."""
    braces = {name for _before, name, _spec, _conversion in Formatter().parse(text) if name is not None}
    return braces | set(_PERCENT.findall(text)) | set(_TAG.findall(text))


@pytest.mark.parametrize("language", TRANSLATED)
def test_each_catalogue_has_the_texts_of_the_code_and_no_others(language: str) -> None:
    for app, found in wanted(language).items():
        there = {text_key(one) for one in messages(read(po_file(app, language), language))}
        assert there == set(found), f"{app}: make messages"


@pytest.mark.parametrize("language", TRANSLATED)
def test_each_text_is_translated_and_none_is_a_guess(language: str) -> None:
    for app in APPS:
        catalogue = read(po_file(app, language), language)
        assert [one.id for one in messages(catalogue) if one.fuzzy] == []
        assert list(catalogue.obsolete) == []
        without = [one.id for one in messages(catalogue) if not all([one.string, *[one.string][0]])]
        assert without == [], f"{po_file(app, language).relative_to(ROOT)} has nothing for these"


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_placeholders_and_tags_of_its_text(language: str) -> None:
    for (_context, text), said in every(language).items():
        texts = [text] if isinstance(text, str) else list(text)
        for one in [said] if isinstance(said, str) else list(said or ()):
            assert placeholders(one) == placeholders(texts[-1]), texts


@pytest.mark.parametrize("language", TRANSLATED)
def test_our_words_are_said_where_django_has_others(language: str) -> None:
    ours = {text: said for (context, text), said in every(language).items() if not context and isinstance(text, str)}
    with override(language):
        others = {text: gettext(text) for text, said in ours.items() if gettext(text) != said}
    assert others == {}


def test_a_placeholder_is_a_name_and_nothing_else() -> None:
    """No attribute, index or format stands in a text: values come as people write them."""
    keys = [key for found in texts().values() for key in found]
    names = {name for (_context, text) in keys for name in placeholders(str(text)) if "<" not in name}
    assert [name for name in names if not name.isidentifier()] == []


def test_no_text_is_bare() -> None:
    bare = {str(path.relative_to(ROOT)): bare_texts(path) for path in files()}
    wrong = {name: found for name, found in bare.items() if found}
    assert wrong == {}, "put these through a catalogue: docs/languages.md"


# --- The lint itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        'messages.info(request, "Nothing was saved.")',
        'label = "Dashboard"',
        'f"{count} customers"',
        'f"{day:%-d %b %Y}"',
        'f"{count:,}"',
        "say(f'{name} is gone')",
        'say("{what} is gone", what="The customer")',
        "format_html('<p title=\"At risk\">{}</p>', x)",
        "f\"{who} {gettext('An administrator can change it.')}\"",
    ],
)
def test_a_bare_text_of_a_module_is_found(source: str) -> None:
    assert len(list(bare_in_module(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        '"""What this module does."""',
        'logger.warning("The database is busy")',
        'raise ValueError("no such thing")',
        'say("{name} is gone", name=name)',
        'say_n("{number} customer is", "{number} customers are", count)',
        'english("What is stored")',
        'sql = f"SELECT id FROM {table} WHERE a = %s"',
        'key = "at_risk"',
        'path = f"{folder}/{name}.csv"',
        'row["Some column"]',
        "def f(x: 'Callable[..., int]') -> 'QuerySet[Any, Any]': ...",
        "format_html('<span class=\"a long class\">{}</span>', x)",
    ],
)
def test_what_nobody_reads_is_no_bare_text(source: str) -> None:
    assert list(bare_in_module(source)) == []


@pytest.mark.parametrize(
    "source",
    [
        "<h1>Dashboard</h1>",
        '<a title="Health score">{{ score }}</a>',
        "{{ count }} customer{{ count|pluralize }}",
        '{{ owner|default:"Nobody" }}',
        '{% include "a/b.html" with label="Bring back" %}',
        '{{ day|date:"j M Y" }}',
    ],
)
def test_a_bare_text_of_a_template_is_found(source: str) -> None:
    assert list(bare_in_template(source)) != []


@pytest.mark.parametrize(
    "source",
    [
        '{# Context: a long list. #}<p class="a b">{% translate "Health score" %}</p>',
        "{% blocktranslate with name=x %}Go to {{ name }}{% endblocktranslate %}",
        '<span class="material-symbols-outlined">search</span>',
        '{% include "a/b.html" with label=_("Bring back") %}{{ day|date }}{{ day|date:"DATETIME_FORMAT" }}',
        '<kbd>Ctrl</kbd> <code>manage.py score</code> <input type="hidden" name="some name" value="{{ x }}">',
    ],
)
def test_what_is_no_bare_text_of_a_template_is_left_alone(source: str) -> None:
    assert list(bare_in_template(source)) == []
