from django.apps import AppConfig


class LegacyImportConfig(AppConfig):
    name = "legacy_import"
    verbose_name = "Legacy import"

    def ready(self) -> None:
        from legacy_import.erasure import forget
        from MiniTwit.moderation.erasure import user_erased

        user_erased.connect(forget, dispatch_uid="legacy_import.erasure")
