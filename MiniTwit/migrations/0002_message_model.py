"""The messages and the follows."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from MiniTwit.database import triggers


class Migration(migrations.Migration):
    dependencies = [("MiniTwit", "0001_user_model")]

    operations = [
        migrations.CreateModel(
            name="Message",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                # Columns of fixed width come first: PostgreSQL has to measure a text to find the column behind it.
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "pub_date",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        verbose_name="published",
                    ),
                ),
                (
                    "legacy_id",
                    models.BigIntegerField(editable=False, null=True, unique=True, verbose_name="old id"),
                ),
                ("import_run", models.IntegerField(editable=False, null=True, verbose_name="import run")),
                (
                    "flagged",
                    models.BooleanField(db_default=False, default=False, help_text="Hidden from timelines."),
                ),
                (
                    "changed_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="changed in this application"),
                ),
                ("text", models.TextField()),
            ],
            options={
                "permissions": [
                    ("import_message", "Can import messages from a file"),
                    ("export_message", "Can export messages to a file"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Follow",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("import_run", models.IntegerField(editable=False, null=True, verbose_name="import run")),
                (
                    "who",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="following",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="follower",
                    ),
                ),
                (
                    "whom",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="followers",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="followed",
                    ),
                ),
            ],
            options={
                "permissions": [
                    ("import_follow", "Can import follows from a file"),
                    ("export_follow", "Can export follows to a file"),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                models.OrderBy(models.F("pub_date"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="message_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                models.F("author"),
                models.OrderBy(models.F("pub_date"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="message_author_newest",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(("text", ""), _negated=True), name="message_text_not_empty"
            ),
        ),
        migrations.AddIndex(
            model_name="follow",
            index=models.Index(fields=["whom", "who"], name="follow_whom_who"),
        ),
        migrations.AddConstraint(
            model_name="follow",
            constraint=models.UniqueConstraint(fields=("who", "whom"), name="follow_unique_pair"),
        ),
        migrations.AddConstraint(
            model_name="follow",
            constraint=models.CheckConstraint(
                condition=models.Q(("who", models.F("whom")), _negated=True), name="follow_not_oneself"
            ),
        ),
        migrations.RunSQL(triggers.CREATE_MESSAGE_TRIGGER, triggers.DROP_MESSAGE_TRIGGER),
    ]
