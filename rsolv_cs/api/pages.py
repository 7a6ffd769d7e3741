"""What the API says of itself: its schema, a page that shows it, and that an address does not exist."""

from typing import Never

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from drf_spectacular.views import SpectacularAPIView
from rest_framework.exceptions import NotFound
from rest_framework.views import APIView

from customers.core.pages import StaffRequest, admin_page, admin_response
from rsolv_cs.api.access import Accesses, reads


class SchemaView(SpectacularAPIView):
    """The schema, as YAML or JSON."""

    access: Accesses = reads()


class NoSuchAddress(APIView):
    """Says as a problem that there is nothing; to those alone who may ask anything."""

    schema = None

    def http_method_not_allowed(self, request: HttpRequest, *_args: object, **_kwargs: object) -> Never:
        """Answer whatever is asked."""
        slash = " None of the API's resources ends with a slash." if request.path.endswith("/") else ""
        raise NotFound(f"There is no such address.{slash}")


@admin_page()
def docs(request: StaffRequest) -> HttpResponse:
    """Show the schema as a page on which requests can be tried."""
    return admin_response(request, "api/docs.html", {"title": gettext("API reference")})
