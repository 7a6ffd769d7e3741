"""The admin's models, their addresses and exports."""

import re
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from customers.models import Customer, Engagement, Event, Feedback, Onboarding

FEEDS = [Customer, Onboarding, Engagement, Feedback, Event]


def address(model: type[Model], page: str, *arguments: object) -> str:
    """The address of a model's page in the admin."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def of_models(models: list[type[Model]]) -> pytest.MarkDecorator:
    """A test for each of the models, by its name."""
    return pytest.mark.parametrize("model", models, ids=lambda model: model.__name__)


def export(client: Client, model: type[Model], file_format: str, **query: Any) -> bytes:
    """Export a model's rows by the admin."""
    page = address(model, "export")
    options = re.findall(r'<option value="(\d)"[^>]*>\s*(\w+)', client.get(page).text)
    value = {name: value for value, name in options}[file_format]
    response = client.post(f"{page}?{query['query']}" if query else page, {"format": value, "resource": "0"})
    assert response.status_code == 200
    assert "attachment" in response["Content-Disposition"]
    return response.content
