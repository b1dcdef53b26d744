"""Django's `migrate`, which also takes a migration's file name: the old manual writes `0003_migrateusers.py`."""

from typing import Any

from django.core.management.commands import migrate


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        name = options["migration_name"]
        options["migration_name"] = name and name.removesuffix(".py")
        super().handle(*args, **options)
