"""All users from the old database."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from legacy_import import data_migration


def import_users(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    data_migration.import_configured(apps, "users")


def take_out_users(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    data_migration.take_out(apps, "users")


class Migration(migrations.Migration):
    # The import has a transaction of its own, and its staging and progress must be seen outside of it.
    atomic = False

    dependencies = [("MiniTwit", "0002_message_model"), ("legacy_import", "0001_initial")]

    operations = [migrations.RunPython(import_users, take_out_users)]
