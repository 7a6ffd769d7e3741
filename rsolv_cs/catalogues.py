"""The catalogues of translated texts: read out of the code, updated, and compiled; GNU gettext is not needed.

``python -m rsolv_cs.catalogues update`` writes each ``<app>/locale/<language>/LC_MESSAGES/django.po`` again, with what
the code and the templates say now; ``compile`` makes of each the ``.mo`` file that Django reads. Neither needs
settings.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
APPS = ("customers", "analytics", "rsolv_cs")
"""From the bottom up: a text that several apps have is in the catalogue of the lowest."""
TRANSLATED = ("de",)
"""The languages that there are catalogues of."""
_OTHERS = ("django", "import_export", "django_tables2", "django_filters", "django_otp", "axes")
"""Packages with catalogues of their own, whose texts need none of ours."""
_THEME, _UNUSED = "unfold", "contrib"
"""It has none; of what goes with it, the pages use next to nothing."""

_ONE_AND_MANY = (1, 2)
_KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop", "say", "say_html", "say_later")),
    **dict.fromkeys(("ngettext", "ngettext_lazy", "say_n", "noun"), _ONE_AND_MANY),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    "npgettext": ((1, "c"), 2, 3),
}
Text: TypeAlias = str | tuple[str, ...]
Key: TypeAlias = "tuple[str | None, Text]"
"""A text's context, and the text, or its singular and plural."""


def po_file(app: str, language: str) -> Path:
    """Return where an app's catalogue of a language is."""
    return ROOT / app / "locale" / language / "LC_MESSAGES" / "django.po"


def read(path: Path, language: str) -> Catalog:
    """Return the catalogue of a file; an empty one where there is none."""
    if not path.exists():
        return Catalog(language)
    with path.open("rb") as file:
        return read_po(file, language)


def messages(catalogue: Catalog) -> Iterator[Message]:
    """Yield the texts of a catalogue, without its head."""
    return (one for one in catalogue if one.id)


def text_key(message: Message) -> Key:
    """Return what tells a text from all others."""
    return message.context, tuple(message.id) if isinstance(message.id, list | tuple) else message.id


# --- What the code says -------------------------------------------------------------------------------------------


@cache
def texts() -> Mapping[str, dict[Key, list[str]]]:
    """Return the texts of each app, each with the files that have it; one that several apps have is the lowest's."""
    found: dict[str, dict[Key, list[str]]] = {app: {} for app in APPS}
    for app in APPS:
        for path in _files(app):
            for key in _texts_of(path):
                owner = next((lower for lower in APPS if key in found[lower]), app)
                places = found[owner].setdefault(key, [])
                places.append(str(path.relative_to(ROOT)))
    return found


def _files(app: str) -> list[Path]:
    """Return the modules of an app, and its templates; those that are no app's own go with ``rsolv_cs``."""
    modules = [path for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]
    every = [path for path in (ROOT / "templates").rglob("*") if path.suffix in {".html", ".txt"}]
    folders = {path: path.relative_to(ROOT / "templates").parts[0] for path in every}
    own = [path for path in every if (folders[path] if folders[path] in APPS else APPS[-1]) == app]
    return sorted([*modules, *own])


def _texts_of(path: Path) -> Iterator[Key]:
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        # Django makes Python of a template's texts, between words of no meaning, whose indents are of none either.
        source = "\n".join(line.strip() for line in templatize(source).splitlines())
    for _line, text, _comments, context in extract("python", BytesIO(source.encode()), _KEYWORDS):
        yield context, tuple(text) if isinstance(text, list | tuple) else text


def _of_theme(language: str) -> dict[Key, list[str]]:
    """Return the texts of the theme that no other package translates."""
    files = [path for package in _OTHERS for path in _catalogues(package, language)]
    known = {text_key(one) for path in files for one in _said(path, language)}
    every = sorted(_folder(_THEME).rglob("*"))
    paths = [path for path in every if path.suffix in {".html", ".py"} and _UNUSED not in path.parts]
    return {key: [_THEME] for path in paths for key in _texts_of(path) if key not in known}


def _said(path: Path, language: str) -> Iterator[Message]:
    return (one for one in messages(read(path, language)) if one.string and not one.fuzzy)


def _catalogues(package: str, language: str) -> list[Path]:
    return sorted(_folder(package).rglob(f"locale/{language}/LC_MESSAGES/django.po"))


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    return Path(spec.origin).parent


# --- What a catalogue has -----------------------------------------------------------------------------------------


def wanted(language: str) -> dict[str, dict[Key, list[str]]]:
    """Return what the catalogues of a language must have, by app."""
    own = {app: dict(found) for app, found in texts().items()}
    there = {key for found in own.values() for key in found}
    own[APPS[-1]] |= {key: places for key, places in _of_theme(language).items() if key not in there}
    return own


def update(language: str) -> None:
    """Write the catalogues of a language with the texts of now; what is translated stays, what nobody says goes."""
    known = {text_key(one): one for app in APPS for one in messages(read(po_file(app, language), language))}
    for app, found in wanted(language).items():
        catalogue = Catalog(language)
        for (context, text), places in sorted(found.items(), key=lambda one: str(one[0])):
            before = known.get((context, text))
            catalogue.add(
                text,
                before.string if before else "",
                locations=[(place, 0) for place in sorted(set(places))],
                flags=["fuzzy"] if before and before.fuzzy else (),
                user_comments=before.user_comments if before else (),
                context=context,
            )
        if found:
            _write(po_file(app, language), catalogue)


def _write(path: Path, catalogue: Catalog) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        # A head without dates and versions, which would differ with each run.
        head = (f"Language: {catalogue.locale_identifier}", "Content-Type: text/plain; charset=utf-8")
        lines = "\n".join(f'"{line}\\n"' for line in (*head, f"Plural-Forms: {catalogue.plural_forms}"))
        file.write(f'msgid ""\nmsgstr ""\n{lines}\n\n'.encode())
        write_po(file, catalogue, width=119, omit_header=True, include_lineno=False)


def compile_all() -> None:
    """Make each catalogue's file for Django again where it is older; whoever reads it meanwhile reads the old one."""
    for path in sorted(ROOT.glob("*/locale/*/LC_MESSAGES/django.po")):
        made = path.with_suffix(".mo")
        if made.exists() and made.stat().st_mtime_ns > path.stat().st_mtime_ns:
            continue
        half = made.with_suffix(".new")
        with half.open("wb") as file:
            write_mo(file, read(path, path.parts[-3]))
        half.replace(made)


def run(arguments: Iterable[str]) -> None:
    """Do what the command line asks for."""
    settings.configure()
    if list(arguments) == ["update"]:
        for language in TRANSLATED:
            update(language)
    compile_all()


if __name__ == "__main__":
    run(sys.argv[1:])
