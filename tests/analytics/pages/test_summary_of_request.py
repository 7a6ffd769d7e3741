"""A request's summary is of the database that the request reads from."""

from typing import cast

import pytest
from django.contrib.auth.models import User
from django.test import RequestFactory

from analytics.pages import user_summary
from analytics.pages.user_summary import UserSummary
from customers.core.replica import routing


def test_a_request_that_is_asked_again_of_the_primary_has_another_summary(
    rf: RequestFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter(["of the replica", "of the primary"])
    monkeypatch.setattr(user_summary, "_summary", lambda *_asked: cast(UserSummary, next(found)))
    request = rf.get("/")
    request.user = User(pk=1)
    with routing.of_request() as reading:
        reading.from_replica = True
        assert [user_summary.user_summary(request) for _time in range(2)] == ["of the replica"] * 2
        reading.from_replica, reading.has_failed = False, True
        assert [user_summary.user_summary(request) for _time in range(2)] == ["of the primary"] * 2
