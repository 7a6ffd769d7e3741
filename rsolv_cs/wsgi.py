"""The WSGI entry point for gunicorn."""

import os
import sys

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rsolv_cs.settings")

WORKER_BOOT_ERROR = 3
"""The exit code by which gunicorn gives up, instead of starting the next worker in vain."""

try:
    django.setup()
    from rsolv_cs.monitoring import optional

    # Before the middleware is loaded, among which the tracing puts its own.
    optional.TRACES.start()
    application = get_wsgi_application()
except ImproperlyConfigured as error:
    print(f"The settings are wrong: {error}", file=sys.stderr)  # noqa: T201 - logging is not set up
    raise SystemExit(WORKER_BOOT_ERROR) from None
