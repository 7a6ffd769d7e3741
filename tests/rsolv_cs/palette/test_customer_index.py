"""The customers in memory: whom a few letters find, in which order, and as the table's own search does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.models import Snapshot
from analytics.page_cache.version import DataVersion
from analytics.segments.filters import searched
from customers.core.sql import is_postgres
from customers.models import Customer
from customers.text.fold import fold
from rsolv_cs.palette.customer_index import CustomerIndex, _customers_as_text
from tests.factories import make_customer, make_snapshot
from tests.support.pages import forget

pytestmark = pytest.mark.django_db


def index() -> CustomerIndex:
    return CustomerIndex(_customers_as_text())


def customer(key: str, name: str, email: str = "x@x.example", github: str = "") -> None:
    make_customer(id=key, organization=name, email=email, github_username=github)


def test_the_start_of_a_name_comes_first_then_the_start_of_a_word_or_text_then_the_rest() -> None:
    customer("k1", "Macme")
    customer("k2", "The Acme")
    customer("k3", "Acme Two")
    customer("k4", "acme one")
    customer("k5", "Zeta", "acme@zeta.example")
    customer("k6", "Beta", github="acme-beta")
    customer("acme7", "Gamma")
    customer("k8", "Other")
    assert index().find(["acme"], 8) == ["k4", "k3", "k6", "acme7", "k2", "k5", "k1"]
    assert index().find(["acme"], 3) == ["k4", "k3", "k6"]


def test_each_word_occurs_whatever_the_case_and_the_accents() -> None:
    customer("k1", "Öko Straße")
    customer("k2", "Oko")
    customer("k3", "株式会社さくらソフトウェア")
    assert index().find(["strasse", "ÖKO"], 8) == ["k1"]
    assert index().find(["oko"], 8) == ["k2", "k1"]
    assert index().find(["さくら"], 8) == ["k3"]
    assert index().find(["k1", "oko"], 8) == ["k1"]
    assert index().find(["nothing"], 8) == index().find(["\u0301"], 8) == []


def test_names_with_the_signs_that_separate_are_found_and_disturb_nobody() -> None:
    customer("k1", "Two\nLines")
    customer("k2", "Unit\x1fSeparator")
    customer("k3", "Lines")
    assert index().find(["lines"], 8) == ["k3", "k1"]
    assert index().find(["separator"], 8) == ["k2"]


def test_the_index_is_kept_for_a_version_of_the_data() -> None:
    customer("k1", "Acme")
    old, new = DataVersion(1, "", 1), DataVersion(2, "", 2)
    assert CustomerIndex.current(old).find(["acme"], 8) == ["k1"]
    customer("k2", "Acme Two")
    assert CustomerIndex.current(old).find(["acme"], 8) == ["k1"]
    assert CustomerIndex.current(new).find(["acme"], 8) == ["k1", "k2"]
    forget()


def test_on_postgresql_the_index_is_kept_as_long_as_no_text_changes_whatever_is_scored() -> None:
    if not is_postgres():
        pytest.skip("SQLite has no function for a digest of texts")
    customer("k1", "Acme")
    kept = CustomerIndex.current(DataVersion(1, "", 1))
    assert CustomerIndex.current(DataVersion(2, "", 2)) is kept
    Customer.objects.filter(pk="k1").update(github_username="rocket")
    changed = CustomerIndex.current(DataVersion(3, "", 3))
    assert changed.find(["rocket"], 8) == ["k1"]
    Customer.objects.filter(pk="k1").update(organization="rocket", github_username="Acme")
    assert CustomerIndex.current(DataVersion(4, "", 4)) is not changed
    forget()


@given(names=st.lists(st.text("ab é", max_size=4), max_size=20), start=st.text("ab é", min_size=1, max_size=3))
def test_the_lines_with_a_start_are_found_among_all(names: list[str], start: str) -> None:
    lines = sorted(f"{name}\x1fk{number}" for number, name in enumerate(names))
    kept = CustomerIndex("\n".join(["", *lines, ""]).encode())
    found = [line.decode() for line in kept._lines_from(start.encode())]
    assert found == [line for line in lines if line.startswith(start)]


letters = st.text("aÄb1-@. \u00a0\N{COMBINING ACUTE ACCENT}", max_size=4)


@given(
    names=st.lists(st.tuples(letters, letters, letters), max_size=4), words=st.lists(letters, min_size=1, max_size=2)
)
def test_it_finds_whom_the_search_of_the_table_finds(names: list[tuple[str, str, str]], words: list[str]) -> None:
    Snapshot.objects.all().delete()
    Customer.objects.all().delete()
    for number, (name, email, github) in enumerate(names):
        row = make_customer(id=f"k{number}", organization=name, email=email, github_username=github)
        make_snapshot(row)
    # Of a word that is an accent alone nothing is left: the table then shows everybody, the palette nobody.
    asked = [word for word in " ".join(words).split() if fold(word)]
    found = index().find(asked, 8)
    assert len(found) == len(set(found))
    table = searched(Snapshot.objects.all(), asked) if asked else Snapshot.objects.none()
    assert set(found) == set(table.values_list("customer_id", flat=True))
