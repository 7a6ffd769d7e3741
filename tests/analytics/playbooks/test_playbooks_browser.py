"""A playbook is written, turned on, approved and stopped in a browser."""

import pytest
from django.contrib.auth.models import User
from django.core import mail
from playwright.sync_api import Page, expect

from analytics.models import Playbook, PlaybookRun
from analytics.playbooks import play
from tests.factories import load_demo_program
from tests.support.browsing import LAPTOP, SMALL_TARGETS, Opened, look
from tests.support.playbooks import MONDAY, email

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_is_enough, pytest.mark.django_db(transaction=True)]


def judge(page: Page) -> list[str]:
    """What is wrong with a page, as ``look`` says, and the controls on it that are too small for a finger."""
    wrong = look(page)
    small: list[str] = page.evaluate(SMALL_TARGETS)
    page.set_viewport_size(LAPTOP)
    return wrong + small


def write(page: Page, template: int) -> None:
    """Write a playbook for whoever is blocked: an email at once, and a call three days later."""
    page.get_by_role("link", name="New playbook").click()
    page.get_by_label("Name").fill("Rescue")
    page.locator("#id_start").select_option("blocked", force=True)
    page.get_by_role("button", name="Save", exact=True).click()
    for day, does in ((0, "email"), (3, "task")):
        page.get_by_role("link", name="Add step").click()
        page.locator("#id_day").fill(str(day))
        page.locator("#id_does").select_option(does, force=True)
        if does == "email":
            page.locator("#id_template").select_option(str(template), force=True)
        else:
            page.locator("#id_title").fill("Call them")
        page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".play-steps li")).to_have_count(2)


def test_a_playbook_from_its_first_step_to_its_stop(open_page: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    load_demo_program()
    template = email()["template"]
    page = open_page("/admin/playbooks/", role="Program manager")
    User.objects.update(email="paula@rsolv.example")
    wrong = judge(page)
    write(page, template.pk)
    wrong += judge(page)
    page.get_by_role("link", name="Turn on…").click()
    wrong += judge(page)
    page.get_by_role("radio", name="Also for whom").check()
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator("main h1, .page-head h1").last).to_contain_text("On")
    assert Playbook.objects.get(name="Rescue").active
    monkeypatch.setattr(play, "program_today", lambda: MONDAY)
    assert play.play().started > 0
    page.goto("/admin/customer/c1001/")
    wrong += judge(page)
    page.get_by_role("link", name="Review Email: Hello").click()
    wrong += judge(page)
    page.locator("summary", has_text="Change the text").click()
    page.get_by_label("Subject").fill("Hello again")
    page.get_by_role("button", name="Show the preview").click()
    expect(page.locator(".letter-head")).to_contain_text("Hello again")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("Sent to john@acme.com.")).to_be_visible()
    page.get_by_role("button", name="Stop playbook Rescue").click()
    expect(page.get_by_text("Acme Inc.: playbook “Rescue” stopped")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone.")).to_be_visible()
    assert PlaybookRun.objects.get(customer="c1001", playbook__name="Rescue").state == "running"
    assert ([one.subject for one in mail.outbox], wrong) == (["Hello again"], [])
