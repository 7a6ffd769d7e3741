"""All settings, from the environment alone; docs/operations.md lists every variable. A bad value stops the start."""

import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from rsolv_cs import environment, storage_url
from rsolv_cs.look import UNFOLD  # noqa: F401 - a setting, for the theme

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = BASE_DIR / "var"

DEBUG = environment.flag("DEBUG")

SHORTEST_SECRET_KEY = 32
SECRET_KEY = environment.text("SECRET_KEY")
if not SECRET_KEY:
    # What writes migrations serves nobody and signs nothing.
    if not DEBUG and sys.argv[1:2] != ["makemigrations"]:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Make one with "
            "`python -c 'import secrets; print(secrets.token_urlsafe(50))'` and put it into the environment; "
            "DEBUG=1 does without, on your own machine only."
        )
    SECRET_KEY = "insecure-key-for-debug-on-your-own-machine-only"  # noqa: S105 - never used to serve others

if not DEBUG and len(SECRET_KEY) < SHORTEST_SECRET_KEY:
    raise ImproperlyConfigured(f"SECRET_KEY is shorter than {SHORTEST_SECRET_KEY} characters; make a random one.")

ALLOWED_HOSTS = environment.hosts("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = environment.origins("CSRF_TRUSTED_ORIGINS")

CSV_DIR = environment.folder("CSV_DIR", STATE_DIR / "csv")
EXPORT_DIR = environment.folder("EXPORT_DIR", STATE_DIR / "exports")
ARCHIVE_DIR = environment.folder("ARCHIVE_DIR", STATE_DIR / "archive")
UPLOAD_DIR = environment.folder("UPLOAD_DIR", STATE_DIR / "uploads")
STORAGE_URL = environment.text("STORAGE_URL")
if _shared := storage_url.shared_folder(STORAGE_URL):
    EXPORT_DIR, ARCHIVE_DIR, UPLOAD_DIR = _shared / "exports", _shared / "archive", _shared / "uploads"
ARCHIVE_DAYS = environment.number("ARCHIVE_DAYS", 400)
NIGHTLY_HOURS = environment.number("NIGHTLY_HOURS", 26)
QUARANTINE_DAYS = environment.number("QUARANTINE_DAYS", 400)
INBOX_DAYS = environment.number("INBOX_DAYS", 90)
NIGHT_DAYS = environment.number("NIGHT_DAYS", 400)
UNDO_DAYS = environment.number("UNDO_DAYS", 400)
SNAPSHOT_DAYS = environment.days("SNAPSHOT_DAYS", 400, least=35)
PUSH_DAYS = environment.number("PUSH_DAYS", 400)
MESSAGE_DAYS = environment.number("MESSAGE_DAYS", 0)
FAILED_LOGIN_DAYS = environment.number("FAILED_LOGIN_DAYS", 90)
BACKUP_DIR = environment.folder("BACKUP_DIR", STATE_DIR / "backups")
UPLOAD_MAX_MB = environment.number("UPLOAD_MAX_MB", 50)
REPORT_MAX_MB = environment.number("REPORT_MAX_MB", 20)
LIVE = environment.flag("LIVE", default=True)
LIVE_PATH = "/ws/state"
LIVE_SOCKET = environment.socket("LIVE_SOCKET", STATE_DIR / "live.sock")

# --- Database -------------------------------------------------------------------------------------------------

_USE_URLS = "use sqlite:////absolute/path.sqlite3 or postgres://user:password@host:5432/name."
DATABASE_URL = environment.text("DATABASE_URL", f"sqlite:///{quote(str(STATE_DIR / 'db.sqlite3'))}")
environment.refuse_unencoded("DATABASE_URL", DATABASE_URL)
try:
    _database = dj_database_url.parse(DATABASE_URL, conn_max_age=600, conn_health_checks=True)
except ValueError:
    # Without the cause, whose message may hold a piece of the password.
    raise ImproperlyConfigured(f"DATABASE_URL cannot be read; {_USE_URLS}") from None
if _database["ENGINE"] not in {"django.db.backends.sqlite3", "django.db.backends.postgresql"}:
    raise ImproperlyConfigured(f"DATABASE_URL names a database that is neither SQLite nor PostgreSQL; {_USE_URLS}")
if _database["NAME"] in {"", ":memory:"}:
    # sqlite://db.sqlite3, a slash short, would be a database in memory that forgets everything.
    raise ImproperlyConfigured(f"DATABASE_URL does not name a database; {_USE_URLS}")
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _folder = Path(_database["NAME"]).parent
    if _folder != STATE_DIR and not _folder.exists():
        raise ImproperlyConfigured(f"DATABASE_URL names {_database['NAME']!r}: the folder {_folder} does not exist.")
    try:
        _folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"DATABASE_URL names {_database['NAME']!r}: {error.strerror}.") from error
    _database["OPTIONS"] = {
        # A writer announces itself at once, so that two writers queue up instead of failing half-way.
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536; PRAGMA foreign_keys=ON"
        ),
    }
else:
    _database["OPTIONS"] = {"connect_timeout": 10, **_database.get("OPTIONS", {})}
    _database["ENGINE"] = "customers.core.postgresql"
# A pooler in transaction mode gives each transaction another session, so nothing may outlast one.
DATABASE_POOLER = environment.flag("DATABASE_POOLER")
DATABASES = {"default": _database}
DATABASE_REPLICA_LAG = environment.number("DATABASE_REPLICA_LAG", 5, least=2)
if _replica := environment.replica("DATABASE_REPLICA_URL", _database):
    DATABASES["replica"], DATABASE_ROUTERS = _replica, ["customers.core.replica.routing.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# In the memory of each process: what never changes, and what pages keep of a version of the state.
CACHES = {
    name: {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": name,
        "OPTIONS": {"MAX_ENTRIES": 200},
    }
    for name in ("default", "version")
}

# --- Parts ----------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.import_export",
    "analytics",
    "customers",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "rsolv_cs.apps.SiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "django_filters",
    "django_tables2",
    "import_export",
    # Not rest_framework itself, whose templates and scripts no page of ours uses.
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rsolv_cs.apps.ProjectConfig",
]

MIDDLEWARE = [
    "rsolv_cs.web.requests.log_requests",
    "rsolv_cs.web.health.AnyHost",
    "rsolv_cs.web.language.AskedLanguage",
    "rsolv_cs.web.problem.ProblemsAlone",
    "rsolv_cs.web.headers.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "rsolv_cs.web.requests.RefuseNul",
    "rsolv_cs.api.authentication.TokenAlone",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "rsolv_cs.web.drafts.ArrivedDrafts",
    "rsolv_cs.web.errors.OwnPages",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "customers.audit.trail.AuditMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "rsolv_cs.login.sessions.SessionLimits",
    "analytics.preferences.time_zone.OwnTimeZone",
    "rsolv_cs.web.language.ChosenLanguage",
    "django_otp.middleware.OTPMiddleware",
    "rsolv_cs.login.second_factor.BehindSecondFactor",
    "axes.middleware.AxesMiddleware",
    "rsolv_cs.login.attempts.CurrentPassword",
    "rsolv_cs.login.confirm.PasswordAgain",
    # The last one: who may see the page is known by then.
    *(["rsolv_cs.web.replica.ReplicaReads"] if "replica" in DATABASES else []),
]

ROOT_URLCONF = "rsolv_cs.urls"
CSRF_FAILURE_VIEW = "rsolv_cs.web.errors.csrf_failure"
WSGI_APPLICATION = "rsolv_cs.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["django.template.loaders.filesystem.Loader", "rsolv_cs.web.icon_templates.Loader"],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Forms' fields are written by the same loaders as pages.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- API --------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rsolv_cs.api.authentication.TokenAuthentication",
        "rsolv_cs.api.authentication.StaffSession",
    ],
    # A view without an ``access`` of its own lets nobody in.
    "DEFAULT_PERMISSION_CLASSES": ["rsolv_cs.api.access.HasAccess"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rsolv_cs.api.bodies.ValueParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "rsolv_cs.api.problems.answer",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "RSOLV Customer Success",
    "VERSION": "1",
    "AUTHENTICATION_WHITELIST": ["rsolv_cs.api.authentication.TokenAuthentication"],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rsolv_cs.api.access.HasAccess"],
    "SCHEMA_PATH_PREFIX": "/(api/v[0-9]+|metrics)",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": ["rsolv_cs.api.schema.with_problems"],
}

# --- Uploads --------------------------------------------------------------------------------------------------

FILE_UPLOAD_HANDLERS = [
    "customers.uploads.limit.UploadLimit",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "customers.uploads.limit.NamelessFile",
]

# --- Login ----------------------------------------------------------------------------------------------------

LOGIN_REDIRECT_URL = reverse_lazy("start")
AUTHENTICATION_BACKENDS = ["rsolv_cs.login.second_factor.Backend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]

AXES_FAILURE_LIMIT = environment.number("LOGIN_ATTEMPTS", 5, least=1)
AXES_COOLOFF_TIME = timedelta(minutes=environment.number("LOGIN_LOCK_MINUTES", 15, least=1))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_HANDLER = "rsolv_cs.login.attempts.Attempts"
AXES_CLIENT_IP_CALLABLE = "rsolv_cs.login.attempts.counted_address"
AXES_USERNAME_CALLABLE = "rsolv_cs.login.attempts.tried_name"
AXES_LOCKOUT_CALLABLE = "rsolv_cs.login.attempts.locked"
AXES_RESET_ON_SUCCESS = True
# What is said about how long stays true, however often somebody tries meanwhile.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# Nothing is kept of those who log in as they should, nor what a form sent.
AXES_DISABLE_ACCESS_LOG = True
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "next", "csrfmiddlewaretoken"]
AXES_VERBOSE = AXES_ENABLE_ADMIN = False

INVITATION_DAYS = environment.number("INVITATION_DAYS", 7, least=1)
PASSWORD_LINK_HOURS = environment.number("PASSWORD_LINK_HOURS", 2, least=1)

SESSION_COOKIE_AGE = environment.number("SESSION_HOURS", 12, least=1) * 3600
IDLE_MINUTES = environment.number("IDLE_MINUTES", 60)
REQUIRE_SECOND_FACTOR = environment.roles("REQUIRE_SECOND_FACTOR")
OTP_TOTP_ISSUER = "RSOLV Customer Success"

OIDC_ISSUER = environment.issuer("OIDC_ISSUER")
OIDC_RP_CLIENT_ID = environment.text("OIDC_CLIENT_ID")
OIDC_RP_CLIENT_SECRET = environment.secret_text("OIDC_CLIENT_SECRET")
OIDC_RP_SCOPES = environment.scopes("OIDC_SCOPES", "openid email profile")
OIDC_ALLOWED_DOMAINS = environment.domains("OIDC_ALLOWED_DOMAINS")
OIDC_ROLE_CLAIM = environment.text("OIDC_ROLE_CLAIM")
OIDC_ROLES = environment.pairs("OIDC_ROLES")
OIDC_REQUIRED_ACR = environment.text("OIDC_REQUIRED_ACR").split()
OIDC_LABEL = environment.text("OIDC_LABEL")
OIDC_LINK_ACCOUNTS = environment.flag("OIDC_LINK_ACCOUNTS")
OIDC_ONLY = environment.flag("OIDC_ONLY")
# What mozilla-django-oidc asks for besides; where the provider is found, rsolv_cs/sso/discovery.py says.
OIDC_USE_PKCE = True
OIDC_MAX_STATES = 5
OIDC_AUTHENTICATION_CALLBACK_URL = "sso-callback"

# Who looks after customers, or has a task, must be able to do something about it.
OWNERS_MAY = "analytics.change_task"

# --- HTTPS ----------------------------------------------------------------------------------------------------

HTTPS = environment.flag("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
# A browser takes such a cookie only over HTTPS, for this host and all of its paths: no neighbour can set it.
COOKIE_PREFIX = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid", f"{COOKIE_PREFIX}csrftoken"
MESSAGE_STORAGE = "rsolv_cs.login.sessions.Messages"
# For the last of them, a token must come by HTTPS; the view says so.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
# A month: a mistake with certificates locks nobody out for longer. `check --deploy` asks for a year afterwards.
SECURE_HSTS_SECONDS = environment.number("HSTS_SECONDS", 30 * 24 * 3600, most_digits=9) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
# The preload list is a promise for a whole domain, which is not this application's to give.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
if environment.flag("TRUST_PROXY"):
    raise ImproperlyConfigured("TRUST_PROXY is gone: set TRUSTED_PROXIES to how many proxies of yours there are.")
TRUSTED_PROXIES = environment.number("TRUSTED_PROXIES", 0)
if TRUSTED_PROXIES:
    # Only where a proxy sets it on every request; otherwise anybody could say so.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- What a browser may do ------------------------------------------------------------------------------------------

X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        # The theme's Alpine and htmx read expressions from attributes, which takes eval; no script stands in a page.
        "script-src": ["'self'", "'unsafe-eval'"],
        "script-src-attr": ["'none'"],
        # The theme writes its colours into the page, and Alpine, htmx and Chart.js set styles by attributes.
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        # The socket of live pages has the pages' own host and port.
        "connect-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# --- Mail, channels, webhooks -----------------------------------------------------------------------------------

SITE_URL = environment.site("SITE_URL", "http://127.0.0.1:8000" if DEBUG else "")
DEFAULT_FROM_EMAIL = environment.sender("DEFAULT_FROM_EMAIL", "RSOLV Customer Success <rsolv@localhost>")
vars().update(environment.mail_server("EMAIL_URL", "console:" if DEBUG else ""))
EMAIL_TIMEOUT = 15
ALERT_URLS = environment.channels("ALERT_URLS")
WEBHOOK_INSECURE = environment.flag("WEBHOOK_INSECURE")
WEBHOOK_PRIVATE = environment.flag("WEBHOOK_PRIVATE")

# --- Monitoring -------------------------------------------------------------------------------------------------

METRICS_DIR = environment.folder("METRICS_DIR", STATE_DIR / "metrics")
METRICS_NETWORKS = environment.networks("METRICS_NETWORKS")
SENTRY_DSN = environment.sentry("SENTRY_DSN")
# What else of OTEL_* is set, the exporter reads itself.
OTEL_EXPORTER_OTLP_ENDPOINT = environment.endpoint("OTEL_EXPORTER_OTLP_ENDPOINT")
OTEL_EXPORTER_OTLP_HEADERS = environment.headers("OTEL_EXPORTER_OTLP_HEADERS")

# --- Language, time, files --------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"  # of the code, of what is stored, exports, logs and the API
OFFERED_LANGUAGES = environment.languages("LANGUAGES")
FORMAT_MODULE_PATH = ["rsolv_cs.formats"]
LOCALE_PATHS = [BASE_DIR / "rsolv_cs" / "locale"]  # before the words of Django, whose apps come before ours
USE_TZ = True
TIME_ZONE = environment.time_zone("TIME_ZONE", "UTC")

STATIC_URL = "static/"
STATIC_ROOT = environment.folder("STATIC_DIR", STATE_DIR / "static")
WHITENOISE_USE_FINDERS = DEBUG
STORAGES: dict[str, dict[str, object]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or "pytest" in sys.modules
        else "rsolv_cs.web.static_files.StaticFiles"
    },
}
if _bucket := storage_url.shared_bucket(STORAGE_URL):
    STORAGES["shared"] = {"BACKEND": "customers.core.storage.s3.SharedBucket", "OPTIONS": _bucket}

# --- Logs -----------------------------------------------------------------------------------------------------

LOG_FORMAT = environment.choice("LOG_FORMAT", "line", ("line", "json"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "rsolv_cs.web.logs.Context"}},
    "formatters": {"line": {"()": "rsolv_cs.web.logs.Line"}, "json": {"()": "rsolv_cs.web.logs.Json"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["context"]}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        # Django brings a handler of its own, which would print everything twice.
        "django": {"handlers": []},
        # What it says of a request that found nothing has no id, and stands in our own record of it.
        "django.request": {"level": "WARNING" if DEBUG else "ERROR"},
        "rsolv_cs.web.requests": {"level": "WARNING" if DEBUG else "INFO"},
        # It would tell of each request that waits for a thread.
        "waitress.queue": {"level": "ERROR"},
        # Their words repeat the addresses of ALERT_URLS, which hold secrets; send_alerts says what failed.
        "apprise": {"level": "CRITICAL"},
        "urllib3": {"level": "CRITICAL"},
    },
}
