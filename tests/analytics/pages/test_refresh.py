"""The refresh of the dashboard: nothing where nothing is new, and a page that nobody else may keep."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import PortfolioDay, ScoringPolicy
from analytics.scoring.snapshots import score_day
from customers.jobs.lock import job_lock
from customers.models import Customer, CustomerCare
from customers.owners.assign import assign
from tests.factories import end_run, make_customer, make_day, make_engagement, make_run, make_staff
from tests.support.pages import Elements, main_part

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)


@pytest.fixture(autouse=True)
def a_scored_day(today_is: Callable[[date], None]) -> None:
    today_is(D)
    make_run()
    make_engagement(make_customer(organization="Acme"), D, issues_tagged=1)
    score_day(D)


def tag_of(client: Client, address: str = "/admin/") -> str:
    return client.get(address).headers["ETag"]


def refresh(client: Client, tag: str, address: str = "/admin/") -> HttpResponse:
    return client.get(address, headers={"HX-Request": "true", "If-None-Match": tag})


def test_nothing_new_is_answered_with_five_queries_and_no_page(viewer: Client) -> None:
    tag = tag_of(viewer)
    with CaptureQueriesContext(connection) as captured:
        response = refresh(viewer, tag)
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["ETag"] == tag
    # Session, user and twice permissions; the state.
    assert len(captured) == 5
    # A proxy that compresses makes the tag a weak one.
    assert refresh(viewer, f"W/{tag}").status_code == 304
    assert refresh(viewer, f'"other", {tag}').status_code == 304


def test_the_tag_is_on_the_page_for_the_script(viewer: Client) -> None:
    response = viewer.get("/admin/")
    [tag] = Elements(main_part(response)).attributes("data-tag")
    assert tag == response.headers["ETag"]


def test_a_visit_always_gets_the_page_and_nobody_may_keep_it(viewer: Client) -> None:
    tag = tag_of(viewer)
    response = viewer.get("/admin/", headers={"If-None-Match": tag})
    assert response.status_code == 200
    for answer in (response, refresh(viewer, tag), refresh(viewer, '"old"')):
        assert {"private", "no-store", "no-cache"} <= set(answer.headers["Cache-Control"].split(", "))
        assert {"Cookie", "HX-Request"} <= set(answer.headers["Vary"].split(", "))


def score_again() -> None:
    score_day(D)


def begin_an_import() -> None:
    make_run(status="running")


def end_an_import() -> None:
    end_run(make_run(status="running"), "loaded")


def give_an_owner() -> None:
    CustomerCare.objects.create(customer=Customer.objects.get(), owner=make_staff())


def edit_in_the_admin() -> None:
    policy = ScoringPolicy.objects.get()
    policy.name = "another name"
    policy.save()


@pytest.mark.parametrize("happen", [score_again, begin_an_import, end_an_import, give_an_owner, edit_in_the_admin])
def test_what_is_new_is_shown(viewer: Client, happen: Callable[[], None]) -> None:
    tag = tag_of(viewer)
    happen()
    response = refresh(viewer, tag)
    assert response.status_code == 200
    assert response.headers["ETag"] != tag
    assert 'id="dashboard"' in main_part(response)
    assert refresh(viewer, response.headers["ETag"]).status_code == 304


def test_another_owner_is_new(viewer: Client) -> None:
    one, by = make_customer(), make_staff()
    care = CustomerCare.objects.create(customer=one, owner=make_staff())
    tags = [tag_of(viewer)]
    for owner in (make_staff(), None):
        assign(Customer.objects.filter(pk=one.pk), owner, by)
        tags.append(tag_of(viewer))
    care.delete()
    assert len(set(tags)) == 3


def test_an_import_that_ends_as_interrupted_is_new(viewer: Client) -> None:
    make_run(status="running")
    tag = tag_of(viewer)
    with job_lock("import"):
        pass
    assert refresh(viewer, tag).status_code == 200


def test_another_visitor_permission_day_or_address_has_another_tag(
    viewer: Client, today_is: Callable[[date], None]
) -> None:
    make_day(date=D - timedelta(days=1))
    tags = [tag_of(viewer), tag_of(viewer, "/admin/?as_of=2025-05-09"), tag_of(viewer, "/admin/?q=a")]
    another = Client()
    colleague = make_staff("Viewer")
    another.force_login(colleague)
    tags.append(tag_of(another))
    colleague.user_permissions.add(Permission.objects.get(codename="export_customer"))
    tags.append(tag_of(another))
    today_is(D + timedelta(days=1))
    tags.append(tag_of(another))
    assert len(set(tags)) == len(tags)


def test_who_is_logged_out_or_may_not_look_gets_no_304(viewer: Client) -> None:
    tag = tag_of(viewer)
    viewer.logout()
    assert refresh(viewer, tag).status_code == 302
    viewer.force_login(make_staff())
    assert refresh(viewer, tag).status_code == 403


def test_an_empty_page_is_tagged_too(viewer: Client) -> None:
    PortfolioDay.objects.all().delete()
    tag = tag_of(viewer)
    assert refresh(viewer, tag).status_code == 304
    score_day(D)
    assert refresh(viewer, tag).status_code == 200


def test_the_date_form_keeps_what_the_address_says(viewer: Client) -> None:
    make_day(date=D - timedelta(days=1))
    response = viewer.get(
        "/admin/?as_of=2025-05-10&status=at_risk&status=healthy&sort=-score&page=2&q=%3Cb%3E&days=90"
    )
    form = main_part(response).split('id="as-of-form"')[1].split("</form>")[0]
    carried = {"status": "at_risk", "sort": "-score", "q": "&lt;b&gt;", "days": "90"}
    for name, value in [*carried.items(), ("status", "healthy")]:
        assert f'<input type="hidden" name="{name}" value="{value}">' in form
    assert 'name="page"' not in form
    assert form.count('name="as_of"') == 1
    assert 'value="2025-05-10" min="2025-05-09" max="2025-05-10"' in form
    assert 'rel="next"' not in form
    kept = "status=at_risk&amp;status=healthy&amp;sort=-score&amp;q=%3Cb%3E&amp;days=90"
    assert f'rel="prev" href="?as_of=2025-05-09&amp;{kept}"' in form
