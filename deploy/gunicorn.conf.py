"""How gunicorn serves the pages; from the environment: HOST, PORT, WORKERS, THREADS, LOG_FORMAT."""

import gc
import os
import sys

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WORKERS", "2"))
# gunicorn's own threads wait for slow clients: ten of them would stop the site.
worker_class = "rsolv_cs.server.BufferedWorker"
threads = int(os.environ.get("THREADS", "4"))
worker_connections = 1_000
timeout = 60
graceful_timeout = 30
# The database and what is uploaded have customers' data: not for everybody on the machine.
umask = 0o027
# A worker that grew by a large export gives its memory back some day, and not all of them on the same one.
max_requests = 10_000
max_requests_jitter = 1_000
# In memory, because a worker's sign of life on a slow disk makes it look dead.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112
# Whether a proxy is believed is for TRUSTED_PROXIES to say, not for where it connects from.
forwarded_allow_ips = ""
control_socket_disable = True
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "rsolv_cs.web.logs.Context"}},
    "formatters": {"line": {"()": "rsolv_cs.web.logs.Line"}, "json": {"()": "rsolv_cs.web.logs.Json"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if os.environ.get("LOG_FORMAT", "").strip().lower() == "json" else "line",
            "filters": ["context"],
        }
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["console"], "propagate": False},
        # Each request has a record of our own.
        "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
    },
}


def post_worker_init(_worker: object) -> None:
    """Let threads and the garbage collector leave a page alone while it is made.

    The collector looks at what pages make, and not at the modules again: 5 % of a page's time. A thread is interrupted
    for another after 20 ms, which is about a page: after Python's 5 ms all pages made at once end late. A page
    beside an export in its process waits up to that after each query: docs/benchmarks.md.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    sys.setswitchinterval(0.02)
