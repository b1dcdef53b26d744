from collections.abc import Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.apps import AppConfig
from django.conf import settings
from django.core import checks


class LegacyImportConfig(AppConfig):
    name = "legacy_import"
    verbose_name = "Legacy import"

    def ready(self) -> None:
        from legacy_import.erasure import forget
        from MiniTwit.moderation.account_erasure import user_erased

        checks.register(check_time_zone)
        user_erased.connect(forget, dispatch_uid="legacy_import.erasure")


def check_time_zone(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[checks.CheckMessage]:
    """A wrong zone would otherwise end every import of messages."""
    try:
        ZoneInfo(settings.LEGACY_TIME_ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return [
            checks.Error(
                f"LEGACY_TIME_ZONE is {settings.LEGACY_TIME_ZONE!r}, which is not the name of a time zone.",
                hint="Give a name such as UTC or Europe/Copenhagen.",
                id="legacy_import.E001",
            )
        ]
    return []
