"""What the models of the feeds declare."""

from customers.models import Customer


def test_a_contract_is_over_for_every_customer_but_an_active_one_and_a_trial() -> None:
    assert Customer.Status.over() == {"paused", "inactive", "churned"}
