"""What the API answers is declared once, as typed dictionaries: mypy reads them, and the schema is made of them."""

from types import UnionType
from typing import Annotated, get_args, get_origin, get_type_hints, is_typeddict

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_array_type, build_object_type, resolve_type_hint
from drf_spectacular.utils import Direction
from drf_spectacular.utils import _SchemaType as Described


class AnswerExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    """Describes a typed dictionary: its fields, with the texts that stand beside their types."""

    @classmethod
    def _matches(cls, target: object) -> bool:
        return is_typeddict(target)

    def get_name(self, auto_schema: AutoSchema, direction: Direction) -> str:
        """Return the name of the class."""
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Described:
        """Return an object whose fields are there, all but those that need not be."""
        hints = get_type_hints(self.target, include_extras=True)
        described: Described = build_object_type(
            properties={name: _described(hint, auto_schema, direction) for name, hint in hints.items()},
            required=self.target.__required_keys__,
            description=self.target.__doc__,
        )
        return described


def _described(hint: object, auto_schema: AutoSchema, direction: Direction) -> Described:
    """Return the schema of a type; that of another typed dictionary is a component of its own."""
    if get_origin(hint) is Annotated:
        inner, text = get_args(hint)
        described = _described(inner, auto_schema, direction)
        # Beside a reference nothing may stand.
        return (
            {"allOf": [described], "description": text} if "$ref" in described else {**described, "description": text}
        )
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    if type(None) in get_args(hint) or get_origin(hint) is UnionType:
        either = [_described(kind, auto_schema, direction) for kind in kinds]
        is_plain = len(either) == 1 and "$ref" not in either[0]
        described = either[0] if is_plain else {"anyOf": either}
        return {**described, "nullable": True} if type(None) in get_args(hint) else described
    if get_origin(hint) is dict:
        return {"type": "object", "additionalProperties": _described(kinds[1], auto_schema, direction)}
    if get_origin(hint) is list:
        return dict(build_array_type(_described(kinds[0], auto_schema, direction)))
    if is_typeddict(hint):
        component = auto_schema.resolve_serializer(hint, direction)  # type: ignore[arg-type]  # by this extension
        return dict(component.ref)
    found = resolve_type_hint(hint)  # type: ignore[no-untyped-call]  # it has no types
    return {name: value for name, value in found.items() if name != "x-spec-enum-id"}
