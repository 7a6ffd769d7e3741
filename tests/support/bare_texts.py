"""Finds what people read and no catalogue knows: texts of modules and templates that stand there bare.

A text is two words, or one with a capital; docstrings, SQL, logs, errors for programmers and the arguments of ``say``
and its like are none. So are patterns of dates and numbers outside ``customers/text/written.py``.
``python -m tests.support.bare_texts analytics/alerts`` lists those of some files or folders.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.support import ROOT
from tests.support.bare_templates import bare_in_html, bare_in_template

APPS = ("analytics", "customers", "rsolv_cs")
ENGLISH_ALWAYS = (
    "rsolv_cs/api/",  # programs read it
    "analytics/webhook_events/",  # what programs are told
    "rsolv_cs/monitoring/",  # programs read it, and operators the logs
    "rsolv_cs/environment.py",  # said before there is any language: to operators, as the settings are read
    "rsolv_cs/settings.py",
    "rsolv_cs/storage_url.py",
    "rsolv_cs/checks.py",
    "rsolv_cs/catalogues.py",
    "rsolv_cs/server.py",
    "rsolv_cs/sso/checks.py",
    "rsolv_cs/web/health.py",
    "rsolv_cs/wsgi.py",
    "customers/core/sql.py",
    "analytics/customer_list/export.py",  # a contract with whoever reads the files
    "customers/core/storage/",  # a run stores it, and operators read it in logs and from commands
)
FORMATS_THEMSELVES = ("customers/text/written.py", "rsolv_cs/formats/")

SPOKEN = {
    *("_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"),
    *("say", "say_n", "say_html", "say_later", "noun", "counted", "english"),
}
NOT_READ = {
    *("compile", "fullmatch", "match", "search", "sub", "RawSQL", "execute"),
    *("import_module", "getattr", "filterwarnings", "ParamSpec", "TypeVar", "cast", "vary_on_headers"),
}
"""Calls whose texts are patterns, SQL or names."""
FOR_PROGRAMMERS = {
    *("ValueError", "TypeError", "KeyError", "LookupError", "RuntimeError", "AssertionError"),
    *("ImproperlyConfigured", "FieldDoesNotExist", "ModuleNotFoundError"),
    *("CannotShortcut", "Damaged"),  # only ever logged
}
MACHINE_KEYS = {"class", "style", "dir", "x-data", "rel", "type", "autocomplete", "data-sort"}

_TWO_WORDS = re.compile(r"[A-Za-z’'”)\]{}]+[,;:.!?…–]*[ \u00a0]+[“‘(\[]?[A-Za-z{}]")  # noqa: RUF001
_WORD = re.compile(r"[A-Za-z]{3,}")
_CAPITAL = re.compile(r"[A-Z][a-z]{2,}[.:!?…]?")
_NAME = re.compile(
    r"Android|Chrome|Customer Success|Edge|Firefox|HubSpot|Linux|Mac OS X|Opera|RSOLV Customer Success|Safari"
    r"|Salesforce|Windows"
)
_OF_HTTP = re.compile(r"\w+/[\w.+-]+; charset=[\w-]+|no-store, private|Accept|Lax|Strict")
_ANNOTATION = re.compile(r"\w+\[.*\]")
_TAG = re.compile(r"</?[a-z]+[ >]")
_SQL = re.compile(
    r"\b(SELECT|FROM|WHERE|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|JOIN|CASE|WHEN|THEN|ELSE|END|ORDER|GROUP|BY|COALESCE"
    r"|AND|OR|UNION|AS|IN|NOT|NULL|COUNT|MAX|MIN|SUM|PRAGMA|VALUES|SET|LOCK|ANALYZE|VACUUM|TABLE|INDEX|COPY|CAST|ON|LIKE|COLLATE)\b"
)
_PATTERN = re.compile(r"^,$|%-?[dbBmY]")


def bare_in_module(source: str) -> Iterator[tuple[int, str]]:
    """Yield the bare texts of a module, each with its line."""
    tree = ast.parse(source)
    silent = set(_silent(tree))
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_text(node.value):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            words = "".join(
                part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "{}"
                for part in node.values
            )
            if _is_text(words):
                yield node.lineno, words
            yield from _not_read_by_babel(node)
        elif isinstance(node, ast.FormattedValue) and node.format_spec and _PATTERN.search(_spec(node.format_spec)):
            yield node.lineno, f"{{:{_spec(node.format_spec)}}}"


def _not_read_by_babel(node: ast.JoinedStr) -> Iterator[tuple[int, str]]:
    """Yield the texts that are spoken within an f-string, where the catalogues do not find them."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in SPOKEN - {"english"} and call.args:
            first = call.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and " " in first.value:
                yield call.lineno, first.value


def _spec(node: ast.expr) -> str:
    return "".join(part.value for part in getattr(node, "values", []) if isinstance(part, ast.Constant))


def _is_text(text: str) -> bool:
    if _SQL.search(text) or text.startswith("<!--") or not _WORD.search(text):
        return False
    if any(known.fullmatch(text) for known in (_ANNOTATION, _NAME, _OF_HTTP)):
        return False
    if _TAG.search(text):
        return any(bare_in_html(text))
    return bool(_TWO_WORDS.search(text) or _CAPITAL.fullmatch(text))


def _silent(tree: ast.AST) -> Iterator[int]:
    """Yield the nodes that nobody reads, or that are spoken: and what is in them, except other calls' arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)
        elif isinstance(node, ast.JoinedStr):
            yield from (id(part) for part in node.values if isinstance(part, ast.Constant))
            yield from (id(part) for each in node.values for part in _spec_parts(each))
        elif isinstance(node, ast.Call):
            yield from _of_call(node)
        elif isinstance(node, ast.Subscript):
            yield from map(id, ast.walk(node.slice))
        elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            yield from map(id, ast.walk(node.annotation))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            yield from map(id, ast.walk(node.returns))
        elif isinstance(node, ast.Assert):
            yield from map(id, ast.walk(node))
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(value, ast.Call) and getattr(value.func, "id", "") in SPOKEN:
                    yield id(key)
                if isinstance(key, ast.Constant) and (key.value in MACHINE_KEYS or str(key.value).startswith("hx-")):
                    yield id(value)


def _spec_parts(node: ast.expr) -> Iterator[ast.AST]:
    if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
        yield from ast.walk(node.format_spec)


def _of_call(node: ast.Call) -> Iterator[int]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    of = node.func.value.id if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) else ""
    arguments = [*node.args, *(each.value for each in node.keywords)]
    if name == "english":
        yield from map(id, node.args)
    elif name in SPOKEN:
        # Values of a sentence may be bare themselves.
        yield from (id(each) for each in node.args if isinstance(each, ast.Constant))
    elif name == "get" and isinstance(node.func, ast.Attribute) and getattr(node.func.value, "attr", "") == "headers":
        yield from map(id, arguments)
    elif name in FOR_PROGRAMMERS or of in {"logger", "warnings"} or name in NOT_READ:
        yield from (id(part) for each in arguments for part in ast.walk(each))


def bare_texts(path: Path) -> list[tuple[int, str]]:
    """Return the bare texts of a module or a template, each with its line."""
    name, source = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return sorted(bare_in_template(source))
    return [] if name.startswith(FORMATS_THEMSELVES) else sorted(bare_in_module(source))


def files() -> list[Path]:
    """Return the modules and templates that people read something of."""
    modules = [path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]
    templates = [path for path in (ROOT / "templates").rglob("*") if path.suffix in {".html", ".txt"}]
    every = {str(path.relative_to(ROOT)): path for path in [*modules, *templates]}
    return [path for name, path in sorted(every.items()) if not name.startswith(ENGLISH_ALWAYS)]


def main(paths: Iterable[str]) -> None:
    """List the bare texts of some files or folders; of all where none is named."""
    wanted = [Path(path).resolve() for path in paths] or [ROOT]
    for path in files():
        if any(path.is_relative_to(one) for one in wanted):
            for line, text in bare_texts(path):
                sys.stdout.write(f"{path.relative_to(ROOT)}:{line}: {' '.join(text.split())}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
