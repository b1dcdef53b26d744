"""Check the site's own folder, static files and proxies, for `manage.py check` and the start of the web server."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from backoffice import var_dir
from backoffice.requests.proxies import trusts_everyone


def register() -> None:
    checks.register(check_var_dir)
    checks.register(check_static_files, deploy=True)
    checks.register(check_proxies, deploy=True)


def check_var_dir(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    fault = var_dir.fault_of(settings.VAR_DIR)
    return [checks.Error(fault, id="backoffice.E001")] if fault else []


def check_static_files(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    fault = fault_of_static_files()
    return [checks.Warning(fault, id="backoffice.W001")] if fault else []


def check_proxies(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    if not trusts_everyone():
        return []
    return [
        checks.Warning(
            "The site trusts every client's word about its address and about TLS. Name the proxies in "
            "TRUSTED_PROXIES, unless the web server can be reached through them alone.",
            id="backoffice.W002",
        )
    ]


def fault_of_static_files() -> str:
    """Say in a sentence that no page can be shown, because production's list of static files is missing."""
    try:
        if not isinstance(staticfiles_storage, ManifestFilesMixin) or staticfiles_storage.hashed_files:
            return ""
    except ValueError:  # a list that is damaged
        pass
    return (
        f"{settings.STATIC_ROOT} holds no readable list of static files (staticfiles.json), so no page can be shown. "
        "Run `python manage.py collectstatic`."
    )


def refuse_to_serve_what_is_broken() -> None:
    """Make a web server fail at its start, not at its first request.

    Raises:
        ImproperlyConfigured: what `check` would say.
    """
    if fault := var_dir.fault_of(settings.VAR_DIR) or fault_of_static_files():
        raise ImproperlyConfigured(fault)
