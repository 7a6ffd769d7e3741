"""What pages inside the admin share: the page that one came from."""

import pytest
from django.test import RequestFactory

from customers.core.pages import next_page


@pytest.mark.parametrize("is_secure", [False, True])
@pytest.mark.parametrize("address", ["/admin/", "/admin/tasks/?owner=1&done=yes#tasks", "/admin/customer/ä/"])
def test_a_page_of_ours_is_the_next_one_whether_sent_or_in_the_address(address: str, is_secure: bool) -> None:
    requests = RequestFactory()

    assert next_page(requests.post("/", {"next": address}, secure=is_secure), "/admin/") == address
    assert next_page(requests.get("/", {"next": address}, secure=is_secure), "/admin/") == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "admin/",
        "?page=2",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "http://testserver/admin/",
        "https://evil.example/",
        "javascript:alert(1)",
        " /admin/",
    ],
)
def test_no_other_address_is_the_next_page(address: str) -> None:
    assert next_page(RequestFactory().post("/", {"next": address}), "/admin/tasks/") == "/admin/tasks/"


def test_the_form_counts_before_the_address() -> None:
    request = RequestFactory().post("/?next=/admin/alerts/", {"next": "/admin/tasks/"})

    assert next_page(request, "/admin/") == "/admin/tasks/"
