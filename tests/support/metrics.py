"""The metrics as Prometheus reads them."""

from collections.abc import Iterable

from django.test import Client
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from customers.core.roles import Role
from tests.support.tokens import make_token, token_client

Samples = dict[tuple[str, ...], float]
"""By the name and the values of the labels, in the order of their names."""


def scraper(role: Role = Role.VIEWER) -> Client:
    """A client with a token for the metrics alone."""
    return token_client(make_token(None, "metrics", role=role))


def families(text: str) -> list[Metric]:
    return list(text_string_to_metric_families(text))


def samples(found: Iterable[Metric] | str) -> Samples:
    """The samples of an answer; raises where one comes twice."""
    told: Samples = {}
    for family in families(found) if isinstance(found, str) else found:
        for sample in family.samples:
            key = (sample.name, *(value for _name, value in sorted(sample.labels.items())))
            assert key not in told, key
            told[key] = sample.value
    return told


def scraped(client: Client) -> Samples:
    """The samples that a client gets."""
    response = client.get("/metrics")
    assert response.status_code == 200, response.content
    return samples(response.text)
