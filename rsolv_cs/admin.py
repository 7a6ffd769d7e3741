"""The admin's pages of the project itself, each registered by its package."""

from analytics.crm import admin as crm_admin  # noqa: F401 - it registers, as the next two do
from rsolv_cs.people import role_admin, user_admin  # noqa: F401 - they register
from rsolv_cs.tokens import admin  # noqa: F401 - it registers
