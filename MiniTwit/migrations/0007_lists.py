"""Indexes for the filters of the lists."""

import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("MiniTwit", "0006_search"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="follow",
            index=django.contrib.postgres.indexes.BrinIndex(fields=["import_run"], name="follow_import_run"),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(condition=models.Q(("is_staff", True)), fields=["username"], name="user_staff"),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(condition=models.Q(("is_active", False)), fields=["username"], name="user_inactive"),
        ),
        migrations.AddIndex(
            model_name="user",
            index=django.contrib.postgres.indexes.BrinIndex(fields=["import_run"], name="user_import_run"),
        ),
    ]
