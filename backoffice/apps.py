from django.apps import AppConfig


class BackOfficeConfig(AppConfig):
    name = "backoffice"
    verbose_name = "Back office"

    def ready(self) -> None:
        from backoffice import checks
        from backoffice.erasure import forget
        from MiniTwit.moderation.erasure import user_erased

        checks.register()
        user_erased.connect(forget, dispatch_uid="backoffice.erasure")
