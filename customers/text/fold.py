"""Texts as people compare them: without case, accents and the ways to write one letter, alike on every database."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Func, Lookup, TextField

FUNCTION = "rsolv_fold"
_KEPT = 5_000
_CASES_OF_UNICODE = 170000
"""The version of PostgreSQL from which it knows every letter's case whatever its locale is."""

# Accents, the points of Hebrew and Arabic, and what nobody sees; other marks, such as India's vowels, are letters.
_DROPPED = (
    "\u00ad\u034f\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u061c\u064b-\u065f\u0670"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u20d0-\u20ff\ufe00-\ufe0f"
    "\ufe20-\ufe2f\ufeff"
)
_FROM, _TO = "ςøđðłıħŧ‘’ʼ‐‑‒–—−", "σoddliht'''------"  # noqa: RUF001
_SEVERAL = {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"}
_EVERY = str.maketrans({**dict(zip(_FROM, _TO, strict=True)), **_SEVERAL})
_dropped = re.compile(f"[{_DROPPED}]+")


@lru_cache(_KEPT)
def fold(text: str) -> str:
    """Return the text as it is searched and sorted: Ö, ö and o are one letter, and ß is ss."""
    if text.isascii():
        return text.lower()
    bare = _dropped.sub("", unicodedata.normalize("NFKD", text)).lower()
    return unicodedata.normalize("NFC", bare.translate(_EVERY))


class Fold(Func):
    """``fold`` by the database; it takes long, so of ASCII alone, as most texts are, only the case is changed."""

    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper, **extra: Any) -> Any:
        """Use the function that each connection is given."""
        text, parameters = self.as_sql(compiler, connection, template="%(expressions)s", **extra)
        sql = _in_sqlite(text)
        return f"(CASE WHEN {sql.wide} THEN {sql.folded} ELSE {sql.lower} END)", [*parameters] * 4

    def as_postgresql(self, compiler: Any, connection: BaseDatabaseWrapper, **extra: Any) -> Any:
        """Use the functions of PostgreSQL."""
        text, parameters = self.as_sql(compiler, connection, template="%(expressions)s", **extra)
        return folded_in_postgres(text, connection), [*parameters] * 4


@CharField.register_lookup
@TextField.register_lookup
class Finds(Lookup):
    """Whether somebody who searches for the right-hand side means this text: the one has the other in it."""

    lookup_name = "finds"
    prepare_rhs = False

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return a LIKE for ASCII, because it takes half as long as to change the case first."""
        text, parameters = self.process_lhs(compiler, connection)
        sql, word = _in_sqlite(text), fold(str(self.rhs))
        wide = f"({sql.wide} AND instr({sql.folded}, %s) > 0)"
        like = f"%{connection.ops.prep_for_like_query(word)}%"
        return self._either(f"{text} LIKE %s ESCAPE '\\'", [*parameters, like], wide, [*parameters * 3, word], word)

    def as_postgresql(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        """Use the functions of PostgreSQL."""
        text, parameters = self.process_lhs(compiler, connection)
        sql, word = _in_postgres(text, connection), fold(str(self.rhs))
        wide = f"({sql.wide} AND strpos({sql.folded}, %s) > 0)"
        plain = f"strpos({sql.lower}, %s) > 0"
        return self._either(plain, [*parameters, word], wide, [*parameters * 3, word], word)

    @staticmethod
    def _either(plain: str, of_plain: list[Any], wide: str, of_wide: list[Any], word: str) -> tuple[str, list[Any]]:
        """Join the conditions for plain and for wide texts; a word beyond ASCII is in no plain text."""
        return (f"({plain} OR {wide})", [*of_plain, *of_wide]) if word.isascii() else (wide, of_wide)


@dataclass(frozen=True)
class _Sql:
    """Of a text's SQL: whether it has more than ASCII, ``fold`` of it, and that of one of ASCII alone."""

    wide: str
    folded: str
    lower: str


def _in_sqlite(text: str) -> _Sql:
    return _Sql(f"length({text}) <> length(CAST({text} AS BLOB))", f"{FUNCTION}({text})", f"lower({text})")


def _in_postgres(text: str, connection: BaseDatabaseWrapper) -> _Sql:
    cases = "pg_c_utf8" if connection.pg_version >= _CASES_OF_UNICODE else "und-x-icu"  # type: ignore[attr-defined]  # PostgreSQL has it
    folded = f"regexp_replace(normalize({text} COLLATE \"C\", NFKD), '[{_DROPPED}]+', '', 'g')"
    folded = f"translate(lower({folded} COLLATE \"{cases}\"), '{_FROM}', '{_TO.replace(chr(39), chr(39) * 2)}')"
    for one, several in _SEVERAL.items():
        folded = f"replace({folded}, '{one}', '{several}')"
    folded = f'normalize({folded}, NFC) COLLATE "C"'
    return _Sql(f"octet_length({text}) <> char_length({text})", folded, f'lower({text} COLLATE "C")')


def folded_in_postgres(text: str, connection: BaseDatabaseWrapper) -> str:
    """Return PostgreSQL's SQL for ``fold`` of a text's SQL, which it names four times.

    Customers have it in a column: what changes here needs a migration that makes that anew.
    """
    sql = _in_postgres(text, connection)
    return f"(CASE WHEN {sql.wide} THEN {sql.folded} ELSE {sql.lower} END)"


def add_function(connection: BaseDatabaseWrapper, **_signal: Any) -> None:
    """Hear of a new connection: SQLite, which knows the case of ASCII alone, is given ``fold``."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(FUNCTION, 1, _fold_any, deterministic=True)


def _fold_any(value: Any) -> str | None:
    return None if value is None else fold(str(value))
