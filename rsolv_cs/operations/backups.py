"""A whole database as one file that either kind of database can be filled from: backup, restore, and the move.

A backup is a ZIP: for each table its rows as lines of JSON, ordered by key, and ``manifest.json`` with the tables'
columns, row counts and SHA-256, and the migrations they were made under. The same rows give the same bytes on SQLite
and on PostgreSQL, so comparing hashes compares databases. Sessions are left out: people log in again. Files (the
archive, the uploads that wait) are not in it.
"""

import base64
import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

from django.apps import apps
from django.apps.registry import Apps
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import DataError, IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import CharField, JSONField, Model, TextField
from django.db.models.functions import Collate
from django.utils import timezone

from customers.audit import trail
from customers.audit.trail import AnyField
from customers.core.files import open_file
from customers.core.leftovers import PARTIAL, half_done
from customers.core.limits import FETCH_SIZE, batches
from customers.core.months.partitions import has_months, with_months
from customers.core.sql import copy_rows, execute, is_postgres, read_snapshot, table_of
from customers.text.say import english, say

FORMAT = 1
MANIFEST = "manifest.json"
_SESSIONS = {"sessions.Session", "customers.OpenSession"}
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, RuntimeError)
"""What reading a damaged ZIP, or one that is no backup of ours, may raise; kinds of RuntimeError are zipfile's."""

_UNFIT = (DataError, IntegrityError, OverflowError)
"""What a database may raise about values that it does not take."""
_INTEGERS = {
    "SmallInteger": 2**15,
    english("Integer"): 2**31,
    english("Auto"): 2**31,
    "BigInteger": 2**63,
    "BigAuto": 2**63,
}
"""Where the integers of PostgreSQL end, and so ours."""


class Unusable(Exception):
    """A backup that cannot be restored here; the message says why, and what to do."""


def models(registry: Apps = apps) -> list[type[Model]]:
    """All models with a table of their own, those between two others included, in the order of their tables' names.

    ``registry`` may be that of an older version's models, as migrations build it.
    """
    every = (model._meta for model in registry.get_models(include_auto_created=True))
    kept = [meta.model for meta in every if meta.managed and not meta.proxy and meta.label not in _SESSIONS]
    return sorted(kept, key=table_of)


def write(path: Path) -> dict[str, Any]:
    """Write a backup of the database as it is at this moment, all or nothing; return its manifest.

    Readable by its owner alone, since it has names, addresses and hashes of passwords. Raises ``OSError``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        half_done(path.with_name(path.name + PARTIAL), path, 0o600) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        read_snapshot(),
    ):
        manifest = _begun_manifest()
        for model in models():
            with archive.open(_member(table_of(model)), "w", force_zip64=True) as member:
                digest, rows = hashlib.sha256(), 0
                for lines in _lines(model, model._meta.concrete_fields):
                    text = "".join(lines).encode()
                    digest.update(text)
                    member.write(text)
                    rows += len(lines)
            manifest["tables"][table_of(model)] = {
                "columns": [field.column for field in model._meta.concrete_fields],
                "rows": rows,
                "sha256": digest.hexdigest(),
            }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
    return manifest


def read_manifest(path: Path) -> dict[str, Any]:
    """A backup's manifest; raises ``Unusable`` where the file is none, or is one that this version cannot read."""
    try:
        with open_file(path) as file, zipfile.ZipFile(file) as archive:
            manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
            made_by = manifest["format"]
            if made_by == FORMAT and not (manifest["tables"] and manifest["migrations"] and manifest["made_at"]):
                raise ValueError("an empty manifest")
    except OSError as error:
        raise Unusable(say("{file} cannot be read: {why}.", file=str(path), why=str(error.strerror))) from error
    except (*_DAMAGE, TypeError) as error:
        raise Unusable(say("{file} is not a backup, or is damaged; take another one.", file=str(path))) from error
    if made_by != FORMAT:
        raise Unusable(
            say(
                "{file} has format {format}, and this version reads {known}; restore it with its own version.",
                file=str(path),
                format=str(made_by),
                known=str(FORMAT),
            )
        )
    return manifest


def fill(path: Path, registry: Apps = apps) -> dict[str, Any]:
    """Replace all rows of the database by those of a backup, or change nothing; return the manifest.

    The tables must be those of the backup's version, and ``registry`` that of its models. Afterwards every table's
    hash is the manifest's. Raises ``Unusable``, also where the database holds something else than was written.
    """
    manifest = read_manifest(path)
    _check_migrations(manifest)
    kept = [(model, _fields(model, manifest, path)) for model in models(registry)]
    with open_file(path) as file, zipfile.ZipFile(file) as archive, trail.writable():
        for model, _fields_of_it in kept:
            execute(f"DELETE FROM {table_of(model)}")
        for model, fields in kept:
            table = table_of(model)
            try:
                with archive.open(_member(table)) as member:
                    copy_rows(f'"{table}"', [f'"{field.column}"' for field in fields], _placed(model, fields, member))
            except (*_DAMAGE, *_UNFIT, TypeError, ValidationError) as error:
                what = str(error).strip().partition("\n")[0]
                raise Unusable(
                    say(
                        "{file}: {table} is damaged ({why}); take another backup.",
                        file=str(path),
                        table=table,
                        why=what,
                    )
                ) from error
        for statement in connection.ops.sequence_reset_sql(no_style(), [model for model, _fields_of_it in kept]):
            execute(statement)
        found = {table_of(model): _digest(model, fields) for model, fields in kept}
        wrong = [table for table, told in manifest["tables"].items() if found.get(table) != told["sha256"]]
        if wrong:
            raise Unusable(
                say(
                    "{file}: {tables} came out with other rows than the manifest tells.",
                    file=str(path),
                    tables=", ".join(wrong),
                )
            )
    return manifest


def digests() -> dict[str, str]:
    """The SHA-256 of each table's rows, as a manifest has it."""
    return {table_of(model): _digest(model, model._meta.concrete_fields) for model in models()}


def is_empty() -> bool:
    """Whether nobody has put anything into the database: no logins, no runs, no customers, perhaps no tables."""
    there = set(connection.introspection.table_names())
    kept = [apps.get_model(name) for name in ("auth.User", "customers.ImportRun", "customers.Customer")]
    return not any(model.objects.exists() for model in kept if table_of(model) in there)


def migrate_empty() -> None:
    """Give a database without rows of ours its tables, or those that it lacks since that was cut short."""
    tables = connection.introspection.table_names()
    begun = MigrationRecorder.Migration._meta.db_table in tables
    if not tables or (begun and is_empty() and pending_migrations()):
        call_command("migrate", verbosity=0)


def is_older(manifest: dict[str, Any]) -> bool:
    """Whether an older version wrote the backup, and the database is empty and has no later table yet."""
    ours = {f"{app}.{name}" for app, name in MigrationExecutor(connection).loader.graph.nodes}
    return {*migrated()} <= {*manifest["migrations"]} < ours and is_empty()


def fill_as_older(path: Path) -> dict[str, Any]:
    """Give the database the tables of the older version that wrote a backup, fill them, and migrate them.

    Returns the manifest. Raises ``Unusable``; the database then has that version's tables, and no rows.
    """
    manifest = read_manifest(path)
    newest = dict(each.split(".", 1) for each in sorted(manifest["migrations"]))
    state = MigrationExecutor(connection).migrate([*newest.items()])
    with transaction.atomic():
        fill(path, state.apps)
    call_command("migrate", verbosity=0)
    return manifest


def migrated() -> list[str]:
    """The migrations that the database has had, in order of their names."""
    return sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())


def pending_migrations() -> list[str]:
    """The migrations of this version that the database has not had."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def _begun_manifest() -> dict[str, Any]:
    return {
        "format": FORMAT,
        "made_at": timezone.now().isoformat(timespec="seconds"),
        "database": connection.vendor,
        "migrations": migrated(),
        "tables": {},
    }


def _check_migrations(manifest: dict[str, Any]) -> None:
    here, there = set(migrated()), set(manifest["migrations"])
    if here == there:
        return
    more, fewer = sorted(there - here), sorted(here - there)
    what = [say("it has had {migrations}", migrations=", ".join(more))] if more else []
    what += [say("it has not had {migrations}", migrations=", ".join(fewer))] if fewer else []
    raise Unusable(
        say(
            "The backup is of another version: {what}. Restore it into a database without tables, which is migrated "
            "afterwards, or with the version that made it.",
            what="; ".join(what),
        )
    )


def _member(table: str) -> str:
    return f"{table}.jsonl"


def _fields(model: type[Model], manifest: dict[str, Any], path: Path) -> Sequence[AnyField]:
    """A model's fields in the order of the backup's columns; an older version may declare them in another one."""
    here = {field.column or "": field for field in model._meta.concrete_fields}
    there = manifest["tables"].get(table_of(model), {}).get("columns", [])
    if {*here} != {*there} or len(here) != len(there):
        raise Unusable(
            say(
                "{file}: the columns of {table} are not the ones that it has here.",
                file=str(path),
                table=table_of(model),
            )
        )
    return [here[column] for column in there]


def _digest(model: type[Model], fields: Sequence[AnyField]) -> str:
    digest = hashlib.sha256()
    for lines in _lines(model, fields):
        digest.update("".join(lines).encode())
    return digest.hexdigest()


def _lines(model: type[Model], fields: Sequence[AnyField]) -> Iterator[list[str]]:
    """A model's rows in the order of their keys, each a line of JSON, some at once."""
    names = [field.attname for field in fields]
    # Text is ordered by the rules of a language on one database, and by its bytes on another.
    is_text = isinstance(model._meta.pk, CharField | TextField)
    order = Collate("pk", "C" if is_postgres() else "BINARY") if is_text else "pk"
    rows = model._base_manager.order_by(order).values_list(*names).iterator(chunk_size=FETCH_SIZE)
    write_row = json.JSONEncoder(default=_plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode
    for some in batches(rows, FETCH_SIZE):
        yield [f"{write_row(row)}\n" for row in some]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    raise TypeError(f"{type(value).__name__} cannot be written to a backup")


def _rows(fields: Sequence[AnyField], lines: Iterable[bytes]) -> Iterator[list[Any]]:
    """Lines of a backup as values that the database at hand takes."""
    for line in lines:
        values = json.loads(line)
        if len(values) != len(fields):
            raise ValueError("a line of another length")
        if rb"\u0000" in line and _has_nul(values):
            raise ValueError("a NUL character")
        yield [_stored(field, value) for field, value in zip(fields, values, strict=True)]


def _placed(model: type[Model], fields: Sequence[AnyField], lines: Iterable[bytes]) -> Iterator[Sequence[object]]:
    """Return the rows of such lines; where the table has months, each after its month was made."""
    rows, columns = _rows(fields, lines), [field.column for field in fields]
    return with_months(table_of(model), rows, columns.index("date")) if has_months(table_of(model)) else rows


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(map(_has_nul, chain(value, value.values())))
    return isinstance(value, list) and any(map(_has_nul, value))


def _check_size(field: AnyField, value: Any) -> None:
    """Refuse what PostgreSQL cannot hold; SQLite takes texts of any length, and larger numbers."""
    if isinstance(value, str):
        if field.max_length and len(value) > field.max_length:
            raise ValueError(f"a text too long for {field.column}")
    elif isinstance(value, int) and not isinstance(value, bool):
        kind = field.get_internal_type().removeprefix(english("Positive")).removesuffix(english("Field"))
        end = _INTEGERS.get(kind, 2**63)
        if not -end <= value < end:
            raise ValueError(f"a number too large for {field.column}")


def _stored(field: AnyField, value: Any) -> Any:
    if value is not None and field.get_internal_type() == "BinaryField":
        return base64.b64decode(value)
    if not isinstance(field, JSONField):
        value = field.to_python(value)
        _check_size(field, value)
    return field.get_db_prep_save(value, connection)
