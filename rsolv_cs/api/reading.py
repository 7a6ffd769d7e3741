"""Resources that are read: their parameters are checked, and what has not changed is answered by 304."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from inspect import getdoc
from typing import ClassVar

from django.forms import Field
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.dateparse import parse_date
from django_filters import filters
from django_filters.filterset import FilterSet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from drf_spectacular.utils import _SchemaType as Described
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.pages.as_of import AsOf, as_of
from analytics.pages.etag import page_etag
from customers.core.replica.watch import is_used
from customers.feeds.cell_types import valid_key
from customers.models import ApiToken
from rsolv_cs.api.paging import CURSOR, MOST_ROWS, PER_PAGE, USUAL_ROWS
from rsolv_cs.web.replica import read_with_token

MOST_NAMED = 30
"""So many allowed values are named where another one is refused."""

AS_OF = OpenApiParameter(
    "as_of",
    date,
    description="The scored date; where that day is not scored, the nearest before it. By default the newest.",
)
CURSOR_PARAMETER = OpenApiParameter(
    CURSOR, str, description="Where the page begins: that of the page before’s `next`."
)
PAGING = (
    OpenApiParameter(
        PER_PAGE,
        {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": USUAL_ROWS},
        description="How many rows a page has.",
    ),
    CURSOR_PARAMETER,
)


class ReadView(APIView):
    """A resource that is read: ``operation`` names it, ``parameters`` are all that it takes, it ``answers`` a type."""

    operation: ClassVar[str]
    parameters: ClassVar[Sequence[OpenApiParameter]] = ()
    answers: ClassVar[type]

    def __init_subclass__(cls) -> None:
        """Describe the view by what it declares."""
        described = extend_schema(
            operation_id=cls.operation,
            description=getdoc(cls) or "",
            parameters=list(cls.parameters),
            responses={200: cls.answers, 304: None},
        )
        extend_schema_view(get=described)(cls)

    def get(self, request: Request, **kwargs: object) -> HttpResponseBase:
        """Answer, or say that what the client has is still so."""
        asked = request._request
        refuse_unknown(asked.GET, (one.name for one in self.parameters))
        tag = page_etag(asked)
        response = get_conditional_response(asked, etag=tag) or Response(self.answer(asked, **kwargs))
        response.headers["ETag"] = tag
        return response

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Read from the replica once it is known that the token may."""
        super().initial(request, *args, **kwargs)
        if is_used() and isinstance(request.auth, ApiToken):
            read_with_token(request._request, request.auth)

    @abstractmethod
    def answer(self, request: HttpRequest, **kwargs: object) -> Mapping[str, object]:
        """Return the answer."""


# --- Parameters ---------------------------------------------------------------------------------------------------


def refuse_unknown(query: QueryDict, known: Iterable[str]) -> None:
    """Raise ``ValidationError`` where an address has a parameter that the resource does not take."""
    names = sorted(known)
    if wrong := [name for name in query if name not in names]:
        said = f"There is no such parameter. Allowed: {', '.join(names) or 'none'}."
        raise ValidationError(dict.fromkeys(wrong, said))


def day_of(request: HttpRequest, name: str) -> date | None:
    """Return the day that a parameter says, None where it is not given; raises ``ValidationError``."""
    asked = request.GET.get(name)
    if asked is None:
        return None
    try:
        found = parse_date(asked)
    except ValueError:
        found = None
    if found is None:
        raise ValidationError({name: "Allowed: a day as 2025-05-10."})
    return found


def key_of(request: HttpRequest, name: str) -> str | None:
    """Return the customer's id that a parameter says, None where it is not given; raises ``ValidationError``."""
    asked = request.GET.get(name)
    if asked is not None and not valid_key(asked):
        raise ValidationError({name: "Allowed: the id of a customer."})
    return asked


def end_of(day: date) -> datetime:
    """Return the moment at which a day of the program ends."""
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


def choice_of(request: HttpRequest, name: str, choices: Sequence[str], otherwise: str) -> str:
    """Return which of the choices a parameter says; raises ``ValidationError``."""
    asked = request.GET.get(name, otherwise)
    if asked not in choices:
        raise ValidationError({name: f"Allowed: {', '.join(choices)}."})
    return asked


def scored_date(request: HttpRequest) -> AsOf:
    """Return the scored date that a request is about, as for a page; raises ``ValidationError``."""
    day_of(request, AS_OF.name)
    return as_of(request)


def check_filters(found: FilterSet) -> None:
    """Raise ``ValidationError`` where the filters do not understand a value, with those that they do."""
    if errors := found.errors:
        fields = found.form.fields
        raise ValidationError(
            {
                name: [f"{error} {_allowed(fields.get(name))}".strip() for error in said]
                for name, said in errors.items()
            }
        )


def _allowed(field: Field | None) -> str:
    choices = [str(value) for value, _label in getattr(field, "choices", ()) if value]
    if not choices:
        return ""
    more = f" and {len(choices) - MOST_NAMED:,} more" if len(choices) > MOST_NAMED else ""
    return f"Allowed: {', '.join(choices[:MOST_NAMED])}{more}."


def filter_parameters(of: type[FilterSet], **words: str) -> list[OpenApiParameter]:
    """Return the parameters of a page's filters; ``words`` say more of some than their labels do."""
    base: Mapping[str, filters.Filter] = getattr(of, "base_filters")  # noqa: B009 - its class has no types
    return [
        OpenApiParameter(name, _type_of(one), description=words.get(name) or f"{one.label}.")  # type: ignore[misc]  # mypy takes the property for a method
        for name, one in base.items()
    ]


def _type_of(one: filters.Filter) -> Described:
    """Return the schema of what a filter takes; of a menu whose choices are data, any text.

    A blank asks for nothing: a page's form sends the fields that nobody has filled in.
    """
    choices = [value for value, _label in one.extra.get("choices") or ()]
    if isinstance(one, filters.MultipleChoiceFilter):
        return {"type": "array", "items": {"type": "string", **({"enum": choices} if choices else {})}}
    if isinstance(one, filters.BooleanFilter):
        choices = ["true", "false", "1", "0"]
    if choices:
        return {"type": "string", "enum": [*choices, ""]}
    kinds: Described = {"type": "string"}
    if isinstance(one, filters.DateFilter):
        kinds = {"type": "string", "format": "date"}
    elif "min_value" in one.extra:
        kinds = {"type": "integer", "minimum": one.extra["min_value"], "maximum": one.extra["max_value"]}
    return kinds if kinds == {"type": "string"} else {"anyOf": [kinds, {"type": "string", "maxLength": 0}]}
