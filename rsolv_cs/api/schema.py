"""What the API's description in OpenAPI says beside what its views declare: problems, and how a token is sent."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import _SchemaType as Described

from rsolv_cs.web.problem import CONTENT_TYPE

_TEXT = {"type": "string"}
PROBLEM: Described = {
    "type": "object",
    "description": "Problem details, as RFC 9457 has them.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": _TEXT,
        "title": {**_TEXT, "description": "The status in words."},
        "status": {"type": "integer"},
        "detail": {**_TEXT, "description": "What happened."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail", "code"],
                "properties": {
                    "pointer": {**_TEXT, "description": "A JSON pointer to what is wrong, such as #/due."},
                    "detail": _TEXT,
                    "code": _TEXT,
                },
            },
        },
    },
}
_ALWAYS = {
    "401": "No valid token.",
    "403": "The token or its user's role lacks a right.",
    "429": "Too many requests.",
    "default": "Anything else that could not be done.",
}


def with_problems(result: Described, **_more: object) -> Described:
    """Add to every operation the problems that it may answer."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, operations in result["paths"].items():
        for operation in operations.values():
            told = dict(_ALWAYS)
            if "parameters" in operation or "requestBody" in operation:
                told["400"] = "What was sent is not valid."
            if "{" in path:
                told["404"] = "There is no such row."
            for status, description in sorted(told.items()):
                operation["responses"].setdefault(status, {"description": description, "content": content})
    return result


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    """Says that a token is sent in either of two headers."""

    target_class = "rsolv_cs.api.authentication.TokenAuthentication"
    name = ["token", "apiKey"]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[Described]:
        """Return that one of them suffices."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[Described]:
        """Return both."""
        return [
            {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Token rsolv_…"},
            {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "rsolv_…"},
        ]
