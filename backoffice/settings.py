"""Settings of the MiniTwit back office. Everything that differs between sites comes from the environment.

DATABASE_URL         the PostgreSQL server; without it, and with DEBUG on, an embedded one under var/postgres
LEGACY_DATABASE_URL  the old MiniTwit database, e.g. sqlite:////srv/minitwit.db or postgresql://USER:PASSWORD@HOST/NAME
LEGACY_TIME_ZONE     the zone of old dates that name none (default UTC)
DEBUG                1 or 0; on by default only where no DATABASE_URL is set
SECRET_KEY           made once and kept in var/secret_key where it is not given
ALLOWED_HOSTS        comma-separated; CSRF_TRUSTED_ORIGINS likewise
"""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from backoffice.database import database_settings

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("VAR_DIR") or BASE_DIR / "var").absolute()


def flag(name: str, default: bool) -> bool:
    """Read a yes/no setting from the environment."""
    value = os.environ.get(name, "").strip().lower()
    return default if not value else value in {"1", "true", "yes", "on"}


def words(name: str) -> list[str]:
    """Read a comma-separated setting from the environment."""
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]


def secret_key() -> str:
    """The site's key: given, or made once and readable by this account only."""
    if given := os.environ.get("SECRET_KEY"):
        return given
    path = VAR_DIR / "secret_key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written under another name first, so that no other process ever reads half a key.
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:
            file.write(secrets.token_urlsafe(64))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text()


DEBUG = flag("DEBUG", default=not os.environ.get("DATABASE_URL"))
SECRET_KEY = secret_key()
ALLOWED_HOSTS = words("ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "MiniTwit",
    "legacy_import",
    "backoffice",
    # grappelli dresses the two below it, so it stands first.
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
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "backoffice.middleware.refuse_nul",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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
AUTHENTICATION_BACKENDS = ["MiniTwit.authentication.SuspendableBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# The first one hashes new passwords; the others verify what the old database brought, and a sign-in replaces it.
PASSWORD_HASHERS = [
    f"MiniTwit.hashers.{name}"
    for name in (
        "PBKDF2SHA256PasswordHasher",
        "PBKDF2SHA1PasswordHasher",
        "PBKDF2SHA512PasswordHasher",
        "ScryptPasswordHasher",
        "BCryptSHA256PasswordHasher",
        "BCryptPasswordHasher",
        "ASPNetIdentityPasswordHasher",
        "WerkzeugMD5PasswordHasher",
        "WerkzeugSHA1PasswordHasher",
        "WerkzeugSHA224PasswordHasher",
        "WerkzeugSHA256PasswordHasher",
        "WerkzeugSHA384PasswordHasher",
        "WerkzeugSHA512PasswordHasher",
        "HardenedPasswordHasher",
    )
]

LANGUAGE_CODE = "en"
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")
USE_I18N = True
FORMAT_MODULE_PATH = "backoffice.formats"
USE_TZ = True
# Templates would write ids, widths and query strings as 1,234 too; counts ask for their commas with `intcomma`.
USE_THOUSAND_SEPARATOR = False

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
# A checkout serves static files from where they lie; production from STATIC_ROOT, after `collectstatic`.
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

FIXTURE_DIRS = [BASE_DIR / "fixtures"]

SESSION_COOKIE_AGE = 12 * 3600  # a working day

# Uploads can be whole databases: straight to disk. One form sends two files at most, a database and its -wal.
FILE_UPLOAD_HANDLERS = ["legacy_import.uploads.CappedUploadHandler"]
DATA_UPLOAD_MAX_NUMBER_FILES = 2

# Import and export of files beside the legacy import: nobody without the permission, nothing half done.
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "import"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "export"
IMPORT_EXPORT_USE_TRANSACTIONS = True

GRAPPELLI_ADMIN_TITLE = "MiniTwit back office"
GRAPPELLI_INDEX_DASHBOARD = "backoffice.dashboard.BackOfficeDashboard"
GRAPPELLI_SWITCH_USER = False

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default"]}}

# The old database.
LEGACY_DATABASE_URL = os.environ.get("LEGACY_DATABASE_URL", "")
LEGACY_TIME_ZONE = os.environ.get("LEGACY_TIME_ZONE", "UTC")
LEGACY_IMPORT_DIR = VAR_DIR / "legacy_import"  # uploads and snapshots, mode 0700
LEGACY_UPLOAD_MAX_BYTES = int(os.environ.get("LEGACY_UPLOAD_MAX_BYTES", str(2 * 1024**3)))

# Behind TLS in production; `check --deploy` holds this to its word.
if not DEBUG:
    SECURE_SSL_REDIRECT = flag("SECURE_SSL_REDIRECT", default=True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if flag("BEHIND_PROXY", False) else None
    SECURE_HSTS_SECONDS = int(os.environ.get("SECURE_HSTS_SECONDS", str(365 * 24 * 3600)))
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"one_line_for_refusals": {"()": "backoffice.logging.OneLineForRefusals"}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
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
