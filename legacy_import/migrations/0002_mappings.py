"""What the tables of an old database are called, as staff chose it."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("legacy_import", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="importrun",
            name="old_tables",
            field=models.JSONField(default=list),
        ),
        migrations.CreateModel(
            name="SourceMapping",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source_key", models.TextField()),
                ("old_table", models.CharField(max_length=10)),
                ("mapping", models.JSONField()),
                ("chosen_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("chosen_by_name", models.TextField(db_default="", default="")),
                (
                    "chosen_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
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
