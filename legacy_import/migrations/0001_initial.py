"""The runs of the legacy import and what they remember."""

from django.conf import settings
from django.db import migrations, models
from django.utils import timezone


class Migration(migrations.Migration):
    initial = True

    dependencies = [("MiniTwit", "__first__")]

    operations = [
        migrations.CreateModel(
            name="ImportRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("users", "users"), ("messages", "messages and follows")], max_length=10
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("staging", "reading"),
                            ("previewed", "waiting for confirmation"),
                            ("applying", "importing"),
                            ("applied", "imported"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                            ("superseded", "replaced by a newer preview"),
                            ("undone", "undone"),
                        ],
                        db_default="staging",
                        default="staging",
                        max_length=12,
                    ),
                ),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("admin", "the admin"),
                            ("command", "the command line"),
                            ("migration", "a migration"),
                        ],
                        db_default="admin",
                        default="admin",
                        max_length=10,
                    ),
                ),
                ("source", models.JSONField(default=dict)),
                ("source_key", models.TextField(db_default="", db_index=True, default="")),
                ("options", models.JSONField(default=dict)),
                ("findings", models.JSONField(default=dict)),
                ("counts", models.JSONField(default=dict)),
                ("samples", models.JSONField(default=dict)),
                ("audit", models.JSONField(default=dict)),
                ("progress", models.JSONField(default=dict)),
                ("verification", models.JSONField(null=True)),
                ("fingerprints", models.JSONField(default=dict)),
                ("error_code", models.CharField(db_default="", default="", max_length=40)),
                ("error_message", models.TextField(db_default="", default="")),
                ("cancel_requested", models.BooleanField(db_default=False, default=False)),
                ("created_at", models.DateTimeField("started", default=timezone.now)),
                ("created_by_name", models.TextField("started by", db_default="", default="")),
                ("picked_up_at", models.DateTimeField(null=True)),
                ("previewed_at", models.DateTimeField(null=True)),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("confirmed_by_name", models.TextField(db_default="", default="")),
                ("finished_at", models.DateTimeField(null=True)),
                ("undo_requested_at", models.DateTimeField(null=True)),
                ("undone_by_name", models.TextField(db_default="", default="")),
                ("undo_result", models.JSONField(null=True)),
                ("durations", models.JSONField(default=dict)),
                (
                    "created_by",
                    models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"),
                ),
                ("old_tables", models.JSONField(default=list)),
            ],
            options={
                "verbose_name": "import",
                "ordering": ["-id"],
                "permissions": [
                    ("run_legacy_import", "Can import the old database"),
                    ("undo_legacy_import", "Can undo an import of the old database"),
                ],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="MergedUser",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("legacy_id", models.BigIntegerField(unique=True)),
                ("import_run", models.IntegerField(db_index=True)),
                ("user", models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")),
            ],
            options={"default_permissions": ("view",)},
        ),
        migrations.CreateModel(
            name="TextId",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "table", "legacy_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("table", models.CharField(max_length=10)),
                ("legacy_id", models.BigIntegerField()),
                ("text", models.TextField()),
                ("import_run", models.IntegerField()),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="RejectedRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("table", models.CharField(max_length=10)),
                ("position", models.BigIntegerField()),
                ("legacy_id", models.BigIntegerField(null=True)),
                ("username", models.TextField(null=True)),
                ("reason", models.CharField(max_length=40)),
                ("values", models.JSONField(default=dict)),
                ("run", models.ForeignKey("legacy_import.importrun", models.CASCADE, related_name="rejected_rows")),
            ],
            options={
                "ordering": ["run", "table", "position"],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["run", "table", "position"], name="rejected_place"),
                    models.Index(fields=["table", "legacy_id"], name="rejected_legacy_id"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReplacedRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("table", models.CharField(max_length=10)),
                ("row_id", models.BigIntegerField()),
                ("before", models.JSONField()),
                ("run", models.ForeignKey("legacy_import.importrun", models.CASCADE, related_name="replaced_rows")),
            ],
            options={
                "default_permissions": ("view",),
                "indexes": [models.Index(fields=["run", "table", "row_id"], name="replaced_place")],
            },
        ),
        migrations.CreateModel(
            name="SourceMapping",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source_key", models.TextField()),
                ("old_table", models.CharField(max_length=10)),
                ("mapping", models.JSONField()),
                ("chosen_at", models.DateTimeField(default=timezone.now)),
                ("chosen_by_name", models.TextField(db_default="", default="")),
                (
                    "chosen_by",
                    models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(fields=("source_key", "old_table"), name="one_mapping_per_table")
                ],
            },
        ),
    ]
