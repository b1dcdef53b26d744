"""Settings of the MiniTwit back office.

Everything that differs between sites comes from the environment. `docs/operating.md` lists the variables, and a test
compares that list with the code.
"""

from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF
from django.urls import reverse_lazy

from backoffice import environment, var_dir
from backoffice.database import database_settings, pg_restore

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = var_dir.prepare(Path(environment.text("VAR_DIR") or BASE_DIR / "var").absolute())

DEBUG = environment.flag("DEBUG", default=not environment.text("DATABASE_URL"))
SECRET_KEY = environment.text("SECRET_KEY") or var_dir.secret_key(VAR_DIR)
ALLOWED_HOSTS = environment.host_names("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = environment.origins("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "MiniTwit",
    "legacy_import",
    "backoffice",
    # grappelli overrides templates of the two apps below, so it comes first.
    "grappelli.dashboard",
    "grappelli",
    "import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django_tasks",
    "django_tasks_db",
    "axes",
    "csp",
]

CSRF_FAILURE_VIEW = "backoffice.requests.refusals.csrf_failure"

MIDDLEWARE = [
    "backoffice.requests.proxies.believe_trusted_proxies",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "backoffice.requests.middleware.NameUnusedFeatures",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "backoffice.requests.statement_limit.LimitStatements",
    "backoffice.requests.middleware.CapMarks",
    "backoffice.requests.middleware.ExplainRefusals",
    "backoffice.requests.middleware.RefuseUnreadable",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    # It asks who sends a file, so the account is known to it; and it comes before what reads the form.
    "backoffice.requests.bodies.LimitBodies",
    "django.middleware.csrf.CsrfViewMiddleware",
    "backoffice.requests.middleware.RefuseUnreadableForms",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "backoffice.requests.middleware.LeadBackToForms",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "backoffice.urls"
WSGI_APPLICATION = "backoffice.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": database_settings(debug=DEBUG, var_dir=VAR_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "MiniTwit.User"
AUTHENTICATION_BACKENDS = ["backoffice.sign_in.GuessLimitBackend", "MiniTwit.authentication.SuspendableBackend"]
# Guesses at passwords are counted for an account and for an address, each by itself.
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]
AXES_FAILURE_LIMIT = environment.whole_number("SIGN_IN_FAILURES", default=10, least=1)
AXES_COOLOFF_TIME = timedelta(
    minutes=environment.whole_number("SIGN_IN_PAUSE_MINUTES", default=15, least=1, most=10_000)
)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "backoffice.sign_in.client_address"
AXES_LOCKOUT_CALLABLE = "backoffice.sign_in.locked_out"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# The first one hashes new passwords. The others verify hashes from the old database, which a sign-in replaces.
PASSWORD_HASHERS = [
    f"MiniTwit.hashers.{name}"
    for name in (
        "strict.PBKDF2SHA256PasswordHasher",
        "strict.PBKDF2SHA1PasswordHasher",
        "strict.PBKDF2SHA512PasswordHasher",
        "strict.ScryptPasswordHasher",
        "strict.BCryptSHA256PasswordHasher",
        "strict.BCryptPasswordHasher",
        "legacy.PBKDF2BytesPasswordHasher",
        "legacy.PBKDF2HexPasswordHasher",
        "legacy.ASPNetIdentityPasswordHasher",
        "legacy.WerkzeugMD5PasswordHasher",
        "legacy.WerkzeugSHA1PasswordHasher",
        "legacy.WerkzeugSHA224PasswordHasher",
        "legacy.WerkzeugSHA256PasswordHasher",
        "legacy.WerkzeugSHA384PasswordHasher",
        "legacy.WerkzeugSHA512PasswordHasher",
        "hardened.HardenedPasswordHasher",
    )
]

LANGUAGE_CODE = "en"
TIME_ZONE = environment.time_zone("TIME_ZONE")
FORMAT_MODULE_PATH = "backoffice.formats"
# With it, templates would write ids, widths and query strings as 1,234, too; counts get commas by `intcomma`.
USE_THOUSAND_SEPARATOR = False

# Behind a proxy, and under a path of another site.
TRUSTED_PROXIES = environment.trusted_proxies()
FORCE_SCRIPT_NAME = environment.url_prefix("SCRIPT_NAME") or None
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = f"{FORCE_SCRIPT_NAME or ''}/"

STATIC_URL = "/static/"  # the storages put the path of the request before it
STATIC_ROOT = VAR_DIR / "static"
# A checkout serves static files from its folders; production from STATIC_ROOT, after `collectstatic`.
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "backoffice.static_files.PlainFiles" if DEBUG else "backoffice.static_files.HashedFiles"
    },
}

FIXTURE_DIRS = [BASE_DIR / "fixtures"]

SESSION_COOKIE_AGE = 12 * 3600  # a working day

# No page takes a file unless it says so (`MiniTwit/admin/files/uploads.py`). One form sends two at most, a
# database and its write-ahead log.
FILE_UPLOAD_HANDLERS = ["backoffice.requests.bodies.RefuseFilesHandler"]
DATA_UPLOAD_MAX_NUMBER_FILES = 2

# Import and export of files, beside the legacy import: both need a permission.
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "import"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "export"

GRAPPELLI_ADMIN_URL = reverse_lazy("admin:index")
GRAPPELLI_ADMIN_TITLE = "MiniTwit back office"
GRAPPELLI_INDEX_DASHBOARD = "backoffice.dashboard.BackOfficeDashboard"
GRAPPELLI_SWITCH_USER = False
GRAPPELLI_CLEAN_INPUT_TYPES = False  # it would make text fields of the browser's own pickers

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default"]}}

# The old database.
LEGACY_DATABASE_URL = environment.text("LEGACY_DATABASE_URL")
LEGACY_TIME_ZONE = environment.time_zone("LEGACY_TIME_ZONE")
LEGACY_IMPORT_DIR = VAR_DIR / "legacy_import"  # uploads and snapshots, mode 0700
LEGACY_KEPT_DAYS = environment.whole_number("LEGACY_KEPT_DAYS", default=7, least=1)
LEGACY_UPLOAD_MAX_BYTES = environment.whole_number("LEGACY_UPLOAD_MAX_BYTES", default=2 * 1024**3, least=1)
PG_RESTORE = pg_restore()  # which writes dumps in PostgreSQL's custom format out as SQL

# After each import of users the worker puts weak old hashes inside strong ones.
HARDEN_AFTER_IMPORT = environment.flag("HARDEN_AFTER_IMPORT", default=True)

# The database ends a statement of a page that takes longer; 0 sets no limit. Work in the background has none.
WEB_STATEMENT_SECONDS = environment.whole_number("WEB_STATEMENT_SECONDS", default=30, most=2_000_000)

# Everything comes from this site, and no page holds a script or a style itself.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

# Behind TLS in production; `check --deploy` holds this to its word.
if not DEBUG:
    SECURE_SSL_REDIRECT = environment.flag("SECURE_SSL_REDIRECT", default=True)
    # An hour, so that a site whose TLS fails on the first day is reachable again on the same day.
    SECURE_HSTS_SECONDS = environment.whole_number("SECURE_HSTS_SECONDS", default=3600)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = environment.flag("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
    SECURE_HSTS_PRELOAD = environment.flag("SECURE_HSTS_PRELOAD", default=False)
    # Both are decisions about other hosts of the domain, which this site cannot take.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = environment.flag("SECURE_COOKIES", default=True)

DEFAULT_EXCEPTION_REPORTER = "backoffice.masking.MaskingExceptionReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "backoffice.masking.MaskingReporterFilter"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"one_line_for_refusals": {"()": "backoffice.logging.OneLineForRefusals"}},
    "formatters": {
        "line": {
            "()": "backoffice.masking.MaskingFormatter",
            "fmt": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        }
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["one_line_for_refusals"]}
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        # In place of Django's own handlers, which would say everything twice.
        "django": {"handlers": [], "level": "WARNING"},
        "legacy_import": {"level": "INFO"},
    },
}
