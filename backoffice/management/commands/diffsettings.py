"""Django's `diffsettings`, with passwords and keys masked."""

from typing import Any

from django.core.management.commands import diffsettings

from backoffice.masking import mask_setting


class Command(diffsettings.Command):
    def handle(self, **options: Any) -> str:
        return "\n".join(mask_setting(line) for line in super().handle(**options).split("\n"))
