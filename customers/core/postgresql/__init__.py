"""The database engine of Django's name ``customers.core.postgresql``."""
