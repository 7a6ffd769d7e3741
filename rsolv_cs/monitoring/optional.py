"""What is sent out where an operator wants it: errors and traces, by packages that are installed for them alone."""

import logging
from dataclasses import dataclass
from importlib.util import find_spec

from django.conf import settings
from django.utils.module_loading import import_string

logger = logging.getLogger(__name__)

HOW = "make setup-watch, or: pip install --require-hashes -r requirements-watch.txt"


@dataclass(frozen=True)
class Outlet:
    """Something that is sent: the setting that asks for it, the package that it takes, and what of ours begins."""

    setting: str
    package: str
    begin: str

    @property
    def is_wanted(self) -> bool:
        """Whether the setting says where to."""
        return bool(getattr(settings, self.setting))

    @property
    def is_installed(self) -> bool:
        """Whether the package is there; most do without, and are spared it."""
        return find_spec(self.package) is not None

    def start(self) -> None:
        """Begin to send, where that is wanted and can be done."""
        if self.is_wanted and not self.is_installed:
            logger.warning("%s is set, but nothing is sent: %s", self.setting, HOW)
        elif self.is_wanted:
            import_string(f"rsolv_cs.monitoring.{self.begin}")()


ERRORS = Outlet("SENTRY_DSN", "sentry_sdk", "errors.send_errors")
TRACES = Outlet("OTEL_EXPORTER_OTLP_ENDPOINT", "opentelemetry", "traces.trace_requests")
