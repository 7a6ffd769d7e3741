"""The admin's site: unfold's, without the work for each page that no page of ours shows."""

from typing import cast

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite

from rsolv_cs import navigation

Entries = list[dict[str, object]]


class Site(UnfoldAdminSite):
    """The site with its own sidebar."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Entries:
        """Return the list of all models, made where it is read: no page but an app's own reads it."""
        plain = super().get_app_list
        return cast("Entries", SimpleLazyObject(lambda: plain(request, app_label)))

    def get_sidebar_list(self, request: HttpRequest) -> Entries:
        """Return the sidebar; unfold would copy it deeply and look into each entry once more."""
        return navigation.sidebar(request)
