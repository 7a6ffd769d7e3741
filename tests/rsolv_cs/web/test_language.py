"""Which language a page speaks: its visitor's, the browser's, or the first one offered; programs hear English."""

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.utils.translation import get_language
from pytest_django.fixtures import Settings

from analytics.models import Preferences
from customers.models import AuditEntry
from rsolv_cs.web.language import asked_language
from tests.factories import make_staff
from tests.support.settings import complaint, start, values

pytestmark = pytest.mark.django_db
PAGE = "/admin/preferences/"
OF_GERMAN, OF_ENGLISH = "Sprache", "Language"


@pytest.fixture
def olga() -> User:
    """A success manager."""
    return make_staff("Success manager", username="olga")


@pytest.fixture
def both(settings: Settings) -> None:
    """English and German are offered."""
    settings.OFFERED_LANGUAGES = ["en", "de"]


def as_user(user: User, accepts: str = "") -> Client:
    client = Client(headers={"Accept-Language": accepts} if accepts else {})
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("accepts", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr,de;q=0.3,en;q=0.8", "en"),
        ("fr;q=0.9, de-CH;q=0.5", "de"),
        ("fr", "en"),
        ("DE", "de"),
        ("*;q=0.1", "en"),
        ("../../etc/passwd, <script>", "en"),
    ],
)
@pytest.mark.usefixtures("both")
def test_a_browser_gets_what_it_likes_best_of_what_is_offered(accepts: str, language: str) -> None:
    assert asked_language(RequestFactory(headers={"Accept-Language": accepts}).get("/")) == language


def test_what_is_not_offered_nobody_gets(olga: User, settings: Settings) -> None:
    settings.OFFERED_LANGUAGES = ["en"]
    Preferences.objects.create(user=olga, language="de")
    page = as_user(olga, "de").get(PAGE)
    assert 'lang="en"' in page.text
    assert "id_language" not in page.text
    assert "Accept-Language" not in page.headers.get("Vary", "")


def test_the_first_one_offered_is_for_who_asks_for_nothing(olga: User, settings: Settings) -> None:
    settings.OFFERED_LANGUAGES = ["de", "en"]
    assert 'lang="de"' in as_user(olga).get(PAGE).text
    assert 'lang="en"' in as_user(olga, "en").get(PAGE).text


@pytest.mark.usefixtures("both")
def test_a_preference_goes_before_what_the_browser_asks_for(olga: User) -> None:
    browser = as_user(olga, "en")
    page = browser.get(PAGE)
    assert OF_ENGLISH in page.text
    assert "Accept-Language" in page.headers["Vary"]
    browser.post(PAGE, {"language": "de", "time_zone": "", "default_view": ""})
    assert Preferences.objects.get().language == "de"
    assert OF_GERMAN in browser.get(PAGE).text
    assert get_language() == "en"  # of whatever comes next in this process
    assert as_user(make_staff("Viewer")).get(PAGE).text.count('lang="en"') == 1
    assert browser.post(PAGE, {"language": "fr"}).status_code == 422


@pytest.mark.usefixtures("both")
def test_what_is_written_into_the_audit_is_english(olga: User) -> None:
    Preferences.objects.create(user=olga, language="de")
    as_user(olga).post(PAGE, {"language": "de", "time_zone": "Europe/Berlin", "default_view": "", "shortcuts": "on"})
    assert AuditEntry.objects.latest("pk").changes == {"time zone": [None, "Europe/Berlin"]}


@pytest.mark.usefixtures("both")
def test_a_visitor_and_the_page_of_an_error_have_the_browsers_language(olga: User) -> None:
    assert 'lang="de"' in Client(headers={"Accept-Language": "de"}).get("/admin/login/").text
    assert as_user(olga, "de").get("/admin/nothing-here/").status_code == 404


@pytest.mark.usefixtures("both")
def test_programs_are_told_in_english() -> None:
    assert get_language() == "en"
    answer = Client(headers={"Accept-Language": "de"}).get("/api/v1/customers/")
    assert answer.json()["title"] == "Unauthorized"


def test_the_setting_takes_what_there_is() -> None:
    assert values("OFFERED_LANGUAGES", DEBUG="1") == {"OFFERED_LANGUAGES": ["en", "de"]}
    assert values("OFFERED_LANGUAGES", DEBUG="1", LANGUAGES="en") == {"OFFERED_LANGUAGES": ["en"]}
    assert values("OFFERED_LANGUAGES", DEBUG="1", LANGUAGES="de, EN,de") == {"OFFERED_LANGUAGES": ["de", "en"]}
    assert complaint(start(LANGUAGES="en,fr")) == "LANGUAGES: 'fr' is none of: en, de."


@pytest.mark.usefixtures("both")
def test_the_menu_and_the_palette_speak_it(olga: User) -> None:
    browser = as_user(olga, "de")
    assert "Mein Tag" in browser.get(PAGE).text
    found = browser.get("/admin/search/", {"q": "Aufgaben"})
    assert [group.label for group in found.context["groups"]] == ["Seiten"]
    assert "Meine Aufgaben" in found.text
    assert "Keine Treffer für „xyzzy“" in browser.get("/admin/search/", {"q": "xyzzy"}).text
