"""The command and the page that erase a customer: what they ask and say, and who may."""

from pathlib import Path

import pytest
from django.test import Client

from customers.erasure.erase import erase
from customers.models import Customer, Erasure
from tests.factories import make_staff
from tests.support.commands import held_elsewhere, run
from tests.support.erasing import KEY
from tests.support.pages import words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_folders")]


def test_the_command_asks_and_says_what_went(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _prompt: "c1")
    done = run("erase_customer", KEY)
    assert done.code == 2
    assert "1 customer" in done.out
    assert "nothing was erased" in done.err
    assert Customer.objects.count() == 2
    monkeypatch.setattr("builtins.input", lambda _prompt: KEY)
    done = run("erase_customer", KEY)
    assert (done.code, done.err) == (0, "")
    assert done.lines[-1].startswith("Erased: 1 customer.")
    again = run("erase_customer", KEY, "--yes")
    assert (again.code, again.err) == (2, f"{KEY} was erased before: nothing is known of them.\n")
    assert run("erase_customer", "nobody", "--yes").code == 2
    assert Erasure.objects.count() == 1


def test_nobody_is_erased_during_an_import(two: Path) -> None:
    with held_elsewhere("import"):
        assert run("erase_customer", KEY, "--yes").code == 75
        assert run("expire").code == 75
    assert Customer.objects.count() == 2


@pytest.mark.parametrize(("role", "status"), [("Program manager", 403), ("Administrator", 200)])
def test_only_administrators_erase(role: str, status: int, two: Path, client: Client) -> None:
    client.force_login(make_staff(role))
    address = f"/admin/customers/customer/{KEY}/erase/"
    assert client.get(address).status_code == status
    assert (address in client.get(f"/admin/customer/{KEY}/").content.decode()) == (status == 200)
    client.post(address, {"typed": KEY})
    assert Customer.objects.filter(pk=KEY).exists() == (status == 403)


def test_the_page_asks_for_the_id_and_tells_what_will_go(drop: Path, client: Client) -> None:
    run("nightly")
    client.force_login(make_staff("Administrator"))
    address = f"/admin/customers/customer/{KEY}/erase/"
    page = words(client.get(address).content.decode())
    assert "Engagement 5" in page
    assert "Snapshots 1" in page
    refused = client.post(address, {"typed": KEY.upper()})
    assert refused.status_code == 422
    assert "That is not the id of this customer" in words(refused.content.decode())
    assert Customer.objects.filter(pk=KEY).exists()
    done = client.post(address, {"typed": KEY}, follow=True)
    assert done.redirect_chain == [("/admin/", 302)]
    assert "The customer is erased" in words(done.content.decode())
    assert client.get(address).status_code == 404
    listed = words(client.get("/admin/customers/erasure/").content.decode())
    assert "5 engagement" in listed


def test_pages_that_show_them_are_new_after_an_erasure(drop: Path, client: Client) -> None:
    run("nightly")
    client.force_login(make_staff("Viewer"))
    tag = client.get("/admin/")["ETag"]
    headers = {"HX-Request": "true", "If-None-Match": tag}
    assert client.get("/admin/", headers=headers).status_code == 304
    erase(KEY, "x")
    assert client.get("/admin/", headers=headers).status_code == 200
