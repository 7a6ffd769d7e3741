"""The page ``/metrics``: for who comes from a network of ``METRICS_NETWORKS``, or shows a token for it."""

from ipaddress import ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client.exposition import choose_encoder
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from analytics.nights import ledger
from customers.core.client import client_address
from rsolv_cs.api.access import Access, Accesses, HasAccess, Scope
from rsolv_cs.api.authentication import TokenAuthentication
from rsolv_cs.monitoring.exposition import Exposition


class FromOurNetworks(HasAccess):
    """Lets in who comes from a network of ours, for which it takes no database; any other as elsewhere in the API."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return whether somebody may ask."""
        return is_from_our_networks(request) or super().has_permission(request, view)


class MetricsView(APIView):
    """Writes the metrics in the form that the asker takes."""

    schema = None
    permission_classes = [FromOurNetworks]
    access: Accesses = {"GET": Access(Scope.METRICS, (ledger.MAY_SEE,))}

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Ask nobody from a network of ours who they are; of others a token alone counts, and no login."""
        return [] if is_from_our_networks(self.request) else [TokenAuthentication()]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Leave the form to prometheus_client."""
        return JSONRenderer(), JSONRenderer.media_type

    def get(self, request: Request) -> HttpResponse:
        """Answer with all metrics."""
        if settings.HTTPS and not request.is_secure() and not is_from_our_networks(request):
            raise PermissionDenied("Show the token by HTTPS alone.")
        write, kind = choose_encoder(request.headers.get("Accept", ""))
        return HttpResponse(write(Exposition()), content_type=kind)


def is_from_our_networks(request: HttpRequest | Request) -> bool:
    """Return whether a request comes from a network that may read the metrics without a token."""
    asked = request._request if isinstance(request, Request) else request
    address = client_address(asked)
    return address is not None and any(ip_address(address) in ip_network(one) for one in settings.METRICS_NETWORKS)
