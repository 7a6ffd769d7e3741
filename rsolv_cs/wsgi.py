"""The WSGI entry point for gunicorn."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rsolv_cs.settings")

WORKER_BOOT_ERROR = 3
"""The exit code by which gunicorn gives up, instead of starting the next worker in vain."""

try:
    application = get_wsgi_application()
except ImproperlyConfigured as error:
    print(f"The settings are wrong: {error}", file=sys.stderr)  # noqa: T201 - logging is not set up
    raise SystemExit(WORKER_BOOT_ERROR) from None
