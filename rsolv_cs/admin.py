"""The admin's pages of the project itself, each registered by its package."""

from rsolv_cs.login import admin  # noqa: F401 - it registers
