"""What is sent to be stored: its shape is checked here, all that it means by the forms of the pages."""

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.forms import BaseForm
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request

Row = TypeVar("Row", bound=Model)


class Conflict(APIException):
    """What is there already is in the way of what was asked."""

    status_code = 409
    default_detail = "Something else is there already."
    default_code = "conflict"


class SentSerializer(serializers.Serializer[object]):
    """What is sent; a field that is none of it is refused."""

    def to_internal_value(self, data: object) -> object:
        """Return what was sent; raises ``ValidationError``."""
        if isinstance(data, dict) and (wrong := set(data) - set(self.fields)):
            said = f"There is no such field. Allowed: {', '.join(self.fields)}."
            raise ValidationError(dict.fromkeys(sorted(map(str, wrong)), said))
        return super().to_internal_value(data)


def sent_fields(kind: type[SentSerializer], request: Request) -> dict[str, object]:
    """Return what a request sends; raises ``ValidationError`` where it is not of that kind."""
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def check_form(form: BaseForm) -> None:
    """Raise ``ValidationError`` with all that a form has against what was sent."""
    if not form.is_valid():
        raise ValidationError(
            {
                "non_field_errors" if name == "__all__" else name: [str(one) for one in said]
                for name, said in form.errors.items()
            }
        )


def find_named(rows: QuerySet[Row], name: str, key: object) -> Row:
    """Return the row that a field of what was sent names; raises ``ValidationError`` where there is none."""
    found = rows.filter(pk=key).first()
    if found is None:
        raise ValidationError({name: f"There is no {rows.model._meta.verbose_name} with this key."})
    return found
