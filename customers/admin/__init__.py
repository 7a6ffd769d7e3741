"""The admin's pages of this app: each module registers its own."""

from customers.admin import audit, care, feeds, users  # noqa: F401 - they register
from customers.erasure import admin as erasure  # noqa: F401
from customers.inbox import admin as inbox  # noqa: F401
from customers.quarantine import admin as quarantine  # noqa: F401
from customers.runs import admin as runs  # noqa: F401
from customers.same_customer import admin as same_customer  # noqa: F401
