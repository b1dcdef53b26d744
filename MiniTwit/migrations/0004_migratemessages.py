"""Messages and follows from the old database."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from legacy_import import data_migration


def import_messages(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    data_migration.import_configured(apps, "messages")


def take_out_messages(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    data_migration.take_out(apps, "messages")


class Migration(migrations.Migration):
    atomic = False  # as in 0003

    dependencies = [("MiniTwit", "0003_migrateusers")]

    operations = [migrations.RunPython(import_messages, take_out_messages)]
