"""The credentials of a destination: variables of the environment, which no page, log or table repeats."""

import os

from analytics.crm.interface import CrmUnavailable
from analytics.models import Destination
from customers.text.say import english

NEEDED = {
    Destination.Kind.CHANGED_ROWS: (),
    Destination.Kind.HUBSPOT: ("TOKEN",),
    Destination.Kind.SALESFORCE: ("URL", "CLIENT_ID", "CLIENT_SECRET"),
}
"""What must be there for each kind, behind what the destination's variables begin with."""


def variable_of(destination: Destination, name: str) -> str:
    """Return the name of a variable."""
    return f"{destination.variables}_{name}"


def unset_variables(destination: Destination) -> list[str]:
    """Return the names of the variables that must be set and are not."""
    names = (variable_of(destination, name) for name in NEEDED[Destination.Kind(destination.kind)])
    return [name for name in names if not os.environ.get(name, "").strip()]


def credential(destination: Destination, name: str, default: str | None = None) -> str:
    """Return a variable's value; raises ``CrmUnavailable`` where it must be there and is not."""
    variable = variable_of(destination, name)
    found = os.environ.get(variable, "").strip() or default
    if found is None:
        raise CrmUnavailable(english(f"The environment has no {variable}. Set it for the server and the night."))
    return found
