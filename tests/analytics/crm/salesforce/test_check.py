"""What an administrator has to mend is said in words; and what answers is trusted with nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from analytics.crm.interface import CrmUnavailable
from analytics.crm.salesforce.adapter import Salesforce
from analytics.crm.salesforce.connection import Credentials
from tests.support.salesforce import KEY, QUICK, FakeSalesforce, KeptState, adapter, our_fields, row
from tests.support.salesforce_answers import CLIENT, SECRET

SCORE = "RSOLV_Score__c"


def test_all_is_well(server: FakeSalesforce) -> None:
    assert adapter(server).check() == []


def test_each_fault_of_the_fields_has_its_words(server: FakeSalesforce) -> None:
    key, *others = our_fields()
    server.org.fields = [replace(key, external_id=False), *(f for f in others if f.name != "RSOLV_Owner__c")]
    server.org.fields = [replace(f, updateable=f.name != SCORE) for f in server.org.fields]

    assert adapter(server, ours={KEY, SCORE, "RSOLV_Owner__c"}).check() == [
        "Account has no field RSOLV_Owner__c that the app’s user may see.",
        "RSOLV_Score__c: the app’s user may not fill it in a new account and edit it.",
        "RSOLV_Customer_Id__c is no unique external id. Tick both boxes of the field.",
    ]


def test_a_user_without_the_right_to_edit_accounts_is_named(server: FakeSalesforce) -> None:
    server.org.may_edit = False
    assert adapter(server).check() == ["The app’s user may not edit accounts."]


def test_a_user_who_sees_no_accounts_is_named(server: FakeSalesforce) -> None:
    words = "The requested resource does not exist"
    server.trouble("describe", status=404, body=[{"errorCode": "NOT_FOUND", "message": words}])

    assert adapter(server).check() == [f"The app’s user may not see accounts. Salesforce refuses the request: {words}"]


def test_a_match_key_that_is_no_external_id_stops_the_push(server: FakeSalesforce) -> None:
    server.org.fields = [replace(field, external_id=False) for field in server.org.fields]

    with pytest.raises(CrmUnavailable, match="does not match an External ID"):
        list(adapter(server).push([row("c1")], KeptState()))


def test_wrong_credentials_have_the_words_of_salesforce(server: FakeSalesforce) -> None:
    with pytest.raises(CrmUnavailable, match=r"gives no token: invalid client credentials\. Check the app’s key"):
        adapter(server, secret="wrong").check()


def test_an_app_without_a_user_is_named(server: FakeSalesforce) -> None:
    server.runs_as_user = False
    with pytest.raises(CrmUnavailable, match="gives no token: no client credentials user enabled"):
        adapter(server).check()


@pytest.mark.parametrize("where", ["token", "describe"])
def test_a_redirect_is_not_followed(server: FakeSalesforce, where: str) -> None:
    server.trouble(where, status=302, headers={"Location": f"{server.url}/elsewhere"})

    with pytest.raises(CrmUnavailable, match="has moved to another address"):
        adapter(server).check()
    assert server.asked("elsewhere") == 0


@pytest.mark.parametrize("where", ["token", "describe"])
def test_a_page_of_a_proxy_is_not_taken_for_salesforce(server: FakeSalesforce, where: str) -> None:
    server.trouble(where, status=200, body=b"<h1>Welcome to our network</h1>")

    with pytest.raises(CrmUnavailable, match="is not Salesforce"):
        adapter(server).check()


def test_a_foreign_address_of_further_records_is_not_asked(server: FakeSalesforce) -> None:
    told = {"done": False, "records": [], "nextRecordsUrl": "https://elsewhere.example/services/data"}
    server.trouble("query", status=200, body=told)

    with pytest.raises(CrmUnavailable, match="not its own"):
        adapter(server).read(["c1"], [SCORE])


def test_a_job_with_an_impossible_name_is_not_used(server: FakeSalesforce) -> None:
    server.trouble("POST /services/data", status=200, body={"id": "../../oauth2/token"})

    with pytest.raises(CrmUnavailable, match="cannot be one"):
        list(adapter(server).push([row("c1")], KeptState()))


def test_nobody_listens(server: FakeSalesforce) -> None:
    gone = Salesforce(Credentials("http://127.0.0.1:9", CLIENT, SECRET), "RSOLV_", KEY, {SCORE}, QUICK)

    with pytest.raises(CrmUnavailable, match=r"does not answer: the connection failed\. Resume the push later"):
        gone.check()


def test_a_login_in_netrc_does_not_replace_the_token(
    server: FakeSalesforce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert adapter(server).check() == []


def test_no_secret_is_shown() -> None:
    assert "8A4BE" not in repr(Credentials("https://rsolv.my.salesforce.com", CLIENT, SECRET))
