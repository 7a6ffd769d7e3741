"""The dashboard, the rules and the configuration in ``deploy/``: each query names what ``/metrics`` has."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.support import ROOT
from tests.support.metrics import families, scraper

DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text())
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yml").read_text())
CONFIGURATION = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
_NAME = re.compile(r"\b(?:rsolv|process)_[a-z_]+\b")
_LABELS = re.compile(r"\b((?:rsolv|process)_[a-z_]+)\{([^}]*)\}")
_BY = re.compile(r"\bby \(([^)]*)\)")
UNCOUNTED = {"rsolv_websockets", "rsolv_websocket_messages_total", "rsolv_replica_requests_total"}
OF_PROMETHEUS = {"instance", "job", "le"}


def parts(of: str, name: str) -> Iterator[Any]:
    """Everything below a name in a file."""

    def walk(node: Any) -> Iterator[Any]:
        if isinstance(node, dict):
            for key, value in node.items():
                yield from [value] if key == name and isinstance(value, str) else walk(value)
        elif isinstance(node, list):
            for one in node:
                yield from walk(one)

    return walk({"dashboard": DASHBOARD, "rules": RULES}[of])


QUERIES = [*parts("dashboard", "expr"), *parts("rules", "expr")]


@pytest.fixture
def exposed() -> dict[str, set[str]]:
    """The names of all samples that may be exposed, each with its labels where it has any sample now."""
    found: dict[str, set[str]] = {}
    client = scraper()
    # The first request that this process counts may be this one.
    client.get("/metrics")
    for family in families(client.get("/metrics").text):
        names = {
            "counter": [f"{family.name}_total"],
            "histogram": [f"{family.name}_bucket", f"{family.name}_sum", f"{family.name}_count"],
        }.get(family.type, [family.name])
        for name in names:
            found[name] = {label for sample in family.samples for label in sample.labels}
    return found


def test_there_are_queries() -> None:
    assert len(QUERIES) > 40
    assert len(set(parts("rules", "alert"))) == len(list(parts("rules", "alert"))) > 10


@pytest.mark.django_db
def test_every_query_names_what_is_exposed(exposed: dict[str, set[str]]) -> None:
    # What no socket has counted yet in this process, nor who looks at a replica.
    known = set(exposed) | UNCOUNTED
    named = {name for query in QUERIES for name in _NAME.findall(query)}
    assert named - known == set()
    assert {"rsolv_night_start_timestamp_seconds", "rsolv_http_request_duration_seconds_bucket"} <= named


@pytest.mark.django_db
@pytest.mark.usefixtures("demo_program")
def test_every_label_is_one_of_its_metric(exposed: dict[str, set[str]]) -> None:
    seen = 0
    for query in QUERIES:
        for name, chosen in _LABELS.findall(query):
            labels = set(re.findall(r"(\w+)(?:=~|!~|!=|=)", chosen)) - OF_PROMETHEUS
            assert not exposed.get(name) or labels <= exposed[name], query
            seen += len(labels)
        for summed in _BY.findall(query):
            labels = {label.strip() for label in summed.split(",")} - OF_PROMETHEUS
            of_all = [exposed[name] for name in _NAME.findall(query) if exposed.get(name)]
            assert not of_all or labels <= set().union(*of_all), query
    assert seen > 5


@pytest.mark.parametrize("query", sorted(set(QUERIES)))
def test_every_query_closes_what_it_opens(query: str) -> None:
    bare = re.sub(r'"[^"]*"', "", query)
    opened = []
    for character in bare:
        if character in "([{":
            opened.append(character)
        elif character in ")]}":
            assert opened and "([{".index(opened.pop()) == ")]}".index(character)
    assert opened == []


def test_panels_say_what_they_show_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["title"]
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert all(x < 24 for x, _y in cells)
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"].endswith(".")
            assert panel["targets"]
            assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


def test_rules_say_how_urgent_they_are_and_what_happened() -> None:
    for group in RULES["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in {"critical", "warning"}
            assert rule["annotations"]["summary"].endswith((".", "?"))


def test_the_configuration_asks_as_we_answer() -> None:
    [job] = CONFIGURATION["scrape_configs"]
    assert job["metrics_path"] == "/metrics"
    assert job["authorization"]["type"] == "Token"
    assert (ROOT / "deploy" / "prometheus" / CONFIGURATION["rule_files"][0]).exists()


@pytest.mark.django_db
def test_the_documentation_has_every_metric(exposed: dict[str, set[str]]) -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text()
    named = set(_NAME.findall(text)) - {"rsolv_cs"}
    lacking = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed} - named
    assert lacking == set()
    assert named - {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed} <= UNCOUNTED
