"""The messages and the follows."""

from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from MiniTwit.database import triggers


class Migration(migrations.Migration):
    dependencies = [("MiniTwit", "0001_user_model")]

    operations = [
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                # Columns of fixed width come first: PostgreSQL has to measure a text to find the column behind it.
                (
                    "author",
                    models.ForeignKey(
                        settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, related_name="messages"
                    ),
                ),
                ("pub_date", models.DateTimeField("published", db_default=Now(), default=timezone.now)),
                ("legacy_id", models.BigIntegerField("old id", editable=False, null=True, unique=True)),
                ("import_run", models.IntegerField("import run", editable=False, null=True)),
                ("flagged", models.BooleanField(db_default=False, default=False, help_text="Hidden from timelines.")),
                ("changed_at", models.DateTimeField("changed in this application", editable=False, null=True)),
                ("text", models.TextField()),
            ],
            options={
                "permissions": [
                    ("import_message", "Can import messages from a file"),
                    ("export_message", "Can export messages to a file"),
                ]
            },
        ),
        migrations.CreateModel(
            name="Follow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("import_run", models.IntegerField("import run", editable=False, null=True)),
                (
                    "who",
                    models.ForeignKey(
                        settings.AUTH_USER_MODEL,
                        models.CASCADE,
                        db_index=False,
                        related_name="following",
                        verbose_name="follower",
                    ),
                ),
                (
                    "whom",
                    models.ForeignKey(
                        settings.AUTH_USER_MODEL,
                        models.CASCADE,
                        db_index=False,
                        related_name="followers",
                        verbose_name="followed",
                    ),
                ),
            ],
            options={
                "permissions": [
                    ("import_follow", "Can import follows from a file"),
                    ("export_follow", "Can export follows to a file"),
                ]
            },
        ),
        migrations.AddIndex("message", models.Index(F("pub_date").desc(), F("id").desc(), name="message_newest")),
        migrations.AddIndex(
            "message", models.Index("author", F("pub_date").desc(), F("id").desc(), name="message_author_newest")
        ),
        migrations.AddConstraint(
            "message", models.CheckConstraint(condition=~Q(text=""), name="message_text_not_empty")
        ),
        migrations.AddIndex("follow", models.Index(fields=["whom", "who"], name="follow_whom_who")),
        migrations.AddConstraint(
            "follow", models.UniqueConstraint(fields=("who", "whom"), name="follow_unique_pair")
        ),
        migrations.AddConstraint(
            "follow", models.CheckConstraint(condition=~Q(who=F("whom")), name="follow_not_oneself")
        ),
        migrations.RunSQL(triggers.CREATE_MESSAGE_TRIGGER, triggers.DROP_MESSAGE_TRIGGER),
    ]
