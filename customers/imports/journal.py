"""The journal of changed rows: images of rows as JSON, made and read by the database itself."""

import json
from collections.abc import Mapping

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import BooleanField, Model

from customers.core.postgresql.folded_texts import FOLDED_TEXTS
from customers.core.sql import execute, is_postgres, table_of
from customers.models import Customer, ImportRun, RowChange

CHANGE = table_of(RowChange)


def journal_name(model: type[Model]) -> str:
    """Return what ``RowChange.model`` calls a model."""
    return str(model._meta.model_name)


def columns_of(model: type[Model]) -> list[str]:
    """Return all columns of a model's table."""
    return [field.column for field in model._meta.concrete_fields if field.column]


def json_object(**members: str) -> str:
    """Return SQL for a JSON object of SQL expressions."""
    pairs = ", ".join(f"'{name}', {value}" for name, value in members.items())
    return f"{'jsonb_build_object' if is_postgres() else 'json_object'}({pairs})"


def row_json(model: type[Model], alias: str = "t") -> str:
    """Return SQL for all columns of a row as JSON; NULL where an outer join found no row."""
    if is_postgres():
        whole = f"to_jsonb({alias})"
        if model is Customer:
            whole = f"({whole} - '{FOLDED_TEXTS}')"
    else:
        whole = json_object(
            **{
                # SQLite's booleans are the numbers 0 and 1.
                f"{field.column}": f"json(CASE WHEN {alias}.{field.column} THEN 'true' ELSE 'false' END)"
                if isinstance(field, BooleanField)
                else f"{alias}.{field.column}"
                for field in model._meta.concrete_fields
            }
        )
    return f"CASE WHEN {alias}.id IS NOT NULL THEN {whole} END"


def complete_image(run: ImportRun, model: type[Model], image: str) -> str:
    """Return SQL for an image of ``run`` in today's columns: one that was added since has its default."""
    defaults = {str(field.column): field.get_default() for field in model._meta.concrete_fields}
    images = RowChange.objects.filter(run=run, model=journal_name(model)).filter(**{f"{image}__isnull": False})
    column, one = f"c.{image}", images.values_list(image, flat=True).first()
    # All images of a run have the same columns.
    if one is None or one.keys() >= defaults.keys():
        return column
    if is_postgres():
        return f"({_literal(defaults)}::jsonb || {column})"
    members = {name: f"json(COALESCE({column} -> '$.{name}', {_literal(value)}))" for name, value in defaults.items()}
    return f"CASE WHEN {column} IS NOT NULL THEN {json_object(**members)} END"


def _literal(value: object) -> str:
    """Return SQL for a value as the text of its JSON."""
    text = json.dumps(value, cls=DjangoJSONEncoder).replace("'", "''")
    return f"'{text}'"


def json_field(image: str, name: str) -> str:
    """Return SQL for one value of an image (text on PostgreSQL)."""
    return f"({image} ->> '{name}')" if is_postgres() else f"json_extract({image}, '$.{name}')"


def insert_row_json(model: type[Model], where: str) -> None:
    """Insert the rows that the entries ``c`` of the journal have as ``after``."""
    table, columns = table_of(model), columns_of(model)
    if is_postgres():
        values = ", ".join(f"r.{name}" for name in columns)
        source = f"{CHANGE} c CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, c.after) r"
    else:
        values = ", ".join(json_field("c.after", name) for name in columns)
        source = f"{CHANGE} c"
    execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {source} WHERE {where}")


def save_before(run: ImportRun, model: type[Model], where: str) -> None:
    """Keep the rows ``t`` of a model as they are before ``run`` changes them. The first image of a row stays."""
    _save(run, model, f"{row_json(model)}, NULL, '' FROM {table_of(model)} t WHERE {where}")


def save_update(run: ImportRun, model: type[Model], joined: str, where: str, values: Mapping[str, str]) -> None:
    """Keep the rows ``t`` of a model, with others ``joined``, before ``run`` gives them ``values``: SQL, by column.

    PostgreSQL knows by that what becomes of them, and so writes no entry twice.
    """
    rows = f"FROM {table_of(model)} t JOIN {joined}"
    if is_postgres():
        # By itself it would be asked for twice.
        once = f"CROSS JOIN LATERAL (SELECT {row_json(model)} AS image OFFSET 0) row_image"
        _save(run, model, f"image, image || {json_object(**values)}, '' {rows} {once} WHERE {where}")
    else:
        _save(run, model, f"{row_json(model)}, NULL, '' {rows} WHERE {where}")


def _save(run: ImportRun, model: type[Model], images: str) -> None:
    # What an earlier change made of a row is no longer so.
    execute(
        f"""
        INSERT INTO {CHANGE} (run_id, model, key, before, after, reason)
        SELECT {int(run.pk)}, '{journal_name(model)}', t.id, {images}
        ON CONFLICT (run_id, model, key) DO UPDATE SET after = excluded.after"""
    )


def note_created(run: ImportRun, model: type[Model], keys: str) -> None:
    """Note rows that ``run`` creates and that will name another run: ``keys`` is a query of one column, ``id``."""
    execute(
        f"""
        INSERT INTO {CHANGE} (run_id, model, key, reason)
        SELECT {int(run.pk)}, '{journal_name(model)}', id, '' FROM ({keys}) created WHERE 1 = 1
        ON CONFLICT DO NOTHING"""
    )


def save_after(run: ImportRun, model: type[Model]) -> None:
    """Complete the entries of ``run`` by what became of the rows, once it has changed the last one.

    Those that say so already are left.
    """
    execute(
        f"""
        UPDATE {CHANGE} AS c SET after = (SELECT {row_json(model)} FROM {table_of(model)} t WHERE t.id = c.key)
        WHERE run_id = {int(run.pk)} AND model = '{journal_name(model)}' AND after IS NULL"""
    )
