"""What moderation adds: decisions and their log, strikes, notes, the watch-list, saved filters, search, file imports."""

from django.apps.registry import Apps
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex, OpClass
from django.contrib.postgres.operations import TrigramExtension
from django.core.management import CommandError
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F, Q
from django.db.models.functions import Now

from MiniTwit.database import triggers
from MiniTwit.skeletons import Skeleton, function

VERBS = [
    (verb, verb.capitalize())
    for verb in ("flag", "unflag", "keep", "edit", "purge", "suspend", "reinstate", "warn", "erase", "undo")
]


def refuse_to_lose_decisions(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """`migrate MiniTwit 0004_migratemessages`, given once more on a site at work, means to go back to before this."""
    if decisions := apps.get_model("MiniTwit", "ModerationEvent").objects.count():
        raise CommandError(
            f"0005_moderation stays: going back to before it would delete the log and its entries ({decisions:,}). Nothing "
            "was changed. To take out what an import brought, undo it on its page."
        )


class Migration(migrations.Migration):
    dependencies = [("MiniTwit", "0004_migratemessages")]

    operations = [
        # The trigram indexes below need both.
        TrigramExtension(),
        migrations.RunSQL(function.CREATE_FUNCTIONS, function.DROP_FUNCTIONS),
        migrations.AlterModelOptions(
            "user",
            {
                "permissions": [
                    ("import_user", "Can import users from a file"),
                    ("export_user", "Can export users to a file"),
                    ("moderate_user", "Can suspend, reinstate and warn users"),
                    ("erase_user", "Can erase a user on request"),
                    ("export_case", "Can export all that is kept about a user"),
                ]
            },
        ),
        migrations.AlterModelOptions(
            "message",
            {
                "permissions": [
                    ("import_message", "Can import messages from a file"),
                    ("export_message", "Can export messages to a file"),
                    ("moderate_message", "Can flag, unflag and keep messages"),
                    ("edit_message", "Can edit the messages of others, with a reason"),
                    ("purge_message", "Can delete messages permanently"),
                ]
            },
        ),
        migrations.AddField("message", "decided_at", models.DateTimeField("reviewed", editable=False, null=True)),
        migrations.AddField(
            "message",
            "decision",
            models.CharField(
                "last decision",
                blank=True,
                choices=[("flag", "flagged"), ("unflag", "unflagged"), ("keep", "kept")],
                db_default="",
                default="",
                editable=False,
                max_length=6,
            ),
        ),
        migrations.AddField("user", "suspended_at", models.DateTimeField("suspended", editable=False, null=True)),
        migrations.AddField(
            "user",
            "suspended_until",
            models.DateTimeField(editable=False, help_text="Empty: until reinstated.", null=True),
        ),
        migrations.AddField("user", "erased_at", models.DateTimeField("erased", editable=False, null=True)),
        migrations.AddIndex("follow", BrinIndex(fields=["import_run"], name="follow_import_run")),
        migrations.AddIndex(
            "message",
            models.Index(
                F("pub_date").desc(), F("id").desc(), condition=Q(flagged=True), name="message_flagged_newest"
            ),
        ),
        migrations.AddIndex(
            "message",
            models.Index(
                F("pub_date").desc(),
                F("id").desc(),
                condition=Q(decided_at__isnull=False),
                name="message_reviewed_newest",
            ),
        ),
        migrations.AddIndex(
            "message",
            models.Index(
                "pub_date", "id", condition=Q(decided_at=None, flagged=True), name="message_flagged_unreviewed"
            ),
        ),
        migrations.AddIndex("message", BrinIndex(fields=["import_run"], name="message_import_run")),
        migrations.AddConstraint(
            "message",
            models.CheckConstraint(
                condition=Q(decision="", decided_at=None)
                | (Q(decision__in=["flag", "unflag", "keep"]) & Q(decided_at__isnull=False)),
                name="message_decision_and_date",
            ),
        ),
        migrations.AddIndex(
            "message",
            models.Index("author", "pub_date", "id", condition=Q(decided_at=None), name="message_author_undecided"),
        ),
        migrations.AddIndex(
            "message", GinIndex(OpClass(Skeleton("text"), name="gin_trgm_ops"), name="message_text_trigrams")
        ),
        migrations.AddIndex(
            "user",
            models.Index(condition=Q(suspended_at__isnull=False), fields=["suspended_at"], name="user_suspended"),
        ),
        migrations.AddConstraint(
            "user",
            models.CheckConstraint(
                condition=Q(suspended_until=None) | Q(suspended_at__isnull=False),
                name="user_suspended_until_needs_suspension",
            ),
        ),
        migrations.AddIndex("user", models.Index(condition=Q(is_staff=True), fields=["username"], name="user_staff")),
        migrations.AddIndex(
            "user", models.Index(condition=Q(is_active=False), fields=["username"], name="user_inactive")
        ),
        migrations.AddIndex("user", BrinIndex(fields=["import_run"], name="user_import_run")),
        migrations.AddIndex(
            "user", GinIndex(OpClass(Skeleton("username"), name="gin_trgm_ops"), name="user_username_trigrams")
        ),
        migrations.AddIndex(
            "user", GinIndex(OpClass(Skeleton("email"), name="gin_trgm_ops"), name="user_email_trigrams")
        ),
        migrations.AddIndex(
            "user", models.Index(condition=Q(date_joined__isnull=False), fields=["date_joined"], name="user_joined")
        ),
        migrations.CreateModel(
            name="ModerationBatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("verb", models.CharField(choices=VERBS, max_length=9)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("requested", "waiting to be frozen"),
                            ("freezing", "being frozen"),
                            ("selected", "waiting for confirmation"),
                            ("waiting", "waiting for the worker"),
                            ("running", "running"),
                            ("done", "done"),
                            ("cancelled", "cancelled"),
                            ("failed", "failed"),
                        ],
                        default="running",
                        max_length=9,
                    ),
                ),
                ("actor_name", models.CharField("moderator", max_length=255)),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=100)),
                ("note", models.TextField(blank=True, db_default="", default="")),
                ("options", models.JSONField(db_default={}, default=dict)),
                ("query", models.TextField(blank=True, db_default="", default="")),
                ("selected", models.BigIntegerField(db_default=0, default=0)),
                ("changed", models.BigIntegerField(db_default=0, default=0)),
                ("unchanged", models.BigIntegerField(db_default=0, default=0)),
                ("skipped", models.BigIntegerField(db_default=0, default=0)),
                ("messages", models.BigIntegerField(db_default=0, default=0)),
                ("error", models.TextField(blank=True, db_default="", default="")),
                ("cancel_requested", models.BooleanField(db_default=False, default=False)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "actor",
                    models.ForeignKey(
                        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="moderation_batches"
                    ),
                ),
                (
                    "undoes",
                    models.ForeignKey(
                        "MiniTwit.moderationbatch", models.PROTECT, null=True, related_name="undone_by"
                    ),
                ),
            ],
            options={
                "verbose_name": "batch of decisions",
                "verbose_name_plural": "batches of decisions",
                "permissions": [("undo_moderationbatch", "Can undo a batch of decisions")],
            },
        ),
        migrations.CreateModel(
            name="ModerationEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("verb", models.CharField(choices=VERBS, max_length=9)),
                ("before", models.JSONField()),
                ("after", models.JSONField(null=True)),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=100)),
                ("note", models.TextField(blank=True, db_default="", default="")),
                ("actor_name", models.CharField("moderator", max_length=255)),
                ("created_at", models.DateTimeField(db_default=Now())),
                (
                    "actor",
                    models.ForeignKey(
                        settings.AUTH_USER_MODEL,
                        models.DO_NOTHING,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        related_name="decisions",
                    ),
                ),
                ("batch", models.ForeignKey("MiniTwit.moderationbatch", models.PROTECT, related_name="events")),
                (
                    "message",
                    models.ForeignKey(
                        "MiniTwit.message",
                        models.DO_NOTHING,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        related_name="events",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        settings.AUTH_USER_MODEL,
                        models.DO_NOTHING,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        related_name="events",
                    ),
                ),
            ],
            options={
                "verbose_name": "decision",
                "ordering": ["-id"],
                "permissions": [("export_moderationevent", "Can export decisions to a file")],
                "indexes": [
                    models.Index("message", F("id").desc(), name="event_message_newest"),
                    models.Index("user", F("id").desc(), name="event_user_newest"),
                    models.Index("actor", F("id").desc(), name="event_actor_newest"),
                    models.Index(fields=["verb", "-id"], include=["created_at"], name="event_verb_newest"),
                    models.Index(F("created_at").desc(), F("id").desc(), name="event_newest"),
                    models.Index(fields=["user", "batch", "id"], name="event_user_batch"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(message__isnull=False) | Q(user__isnull=False), name="event_has_object"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ModerationReason",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
                ("description", models.CharField(blank=True, db_default="", default="", max_length=300)),
                (
                    "active",
                    models.BooleanField(db_default=True, default=True, help_text="Offered when a decision is made."),
                ),
                (
                    "position",
                    models.PositiveSmallIntegerField(db_default=0, default=0, help_text="Lower ones come first."),
                ),
            ],
            options={"ordering": ["position", "name"]},
        ),
        migrations.CreateModel(
            name="PurgedMessage",
            fields=[
                ("legacy_id", models.BigIntegerField("old id", primary_key=True, serialize=False)),
                ("purged_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ReviewClaim",
            fields=[
                (
                    "message",
                    models.OneToOneField(
                        "MiniTwit.message", models.CASCADE, primary_key=True, related_name="claim", serialize=False
                    ),
                ),
                ("until", models.DateTimeField()),
                ("moderator", models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="claims")),
            ],
            options={"verbose_name": "review", "verbose_name_plural": "review queue"},
        ),
        migrations.CreateModel(
            name="SavedFilter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                (
                    "screen",
                    models.CharField(
                        editable=False, help_text="The list's model, e.g. MiniTwit.message.", max_length=100
                    ),
                ),
                ("query", models.TextField(blank=True, db_default="", default="", editable=False)),
                (
                    "shared",
                    models.BooleanField(db_default=False, default=False, help_text="Shown to the whole team."),
                ),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                ("owner", models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_filters")),
            ],
            options={
                "ordering": ["name", "id"],
                "permissions": [("share_savedfilter", "Can share a saved filter with the team")],
                "constraints": [
                    models.UniqueConstraint(fields=("owner", "screen", "name"), name="savedfilter_unique")
                ],
            },
        ),
        migrations.CreateModel(
            name="SelectedRow",
            fields=[
                (
                    "batch",
                    models.ForeignKey(
                        "MiniTwit.moderationbatch",
                        models.CASCADE,
                        db_constraint=False,
                        db_index=False,
                        related_name="selected_rows",
                    ),
                ),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "batch_id", "object_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("object_id", models.BigIntegerField()),
                ("changed_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[("", "waiting"), ("skipped", "skipped")],
                        db_default="",
                        default="",
                        max_length=7,
                    ),
                ),
                ("why", models.TextField(blank=True, db_default="", default="")),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=Q(outcome="skipped"), fields=["batch", "object_id"], name="selectedrow_skipped"
                    )
                ]
            },
        ),
        migrations.CreateModel(
            name="StaffNote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.TextField()),
                ("author_name", models.CharField("by", max_length=255)),
                ("created_at", models.DateTimeField(db_default=Now())),
                (
                    "author",
                    models.ForeignKey(
                        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="written_notes"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, related_name="staff_notes"
                    ),
                ),
            ],
            options={"indexes": [models.Index("user", F("id").desc(), name="staffnote_user_newest")]},
        ),
        migrations.CreateModel(
            name="Strike",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.TextField()),
                ("actor_name", models.CharField("moderator", max_length=255)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("revoked_at", models.DateTimeField(null=True)),
                ("batch", models.ForeignKey("MiniTwit.moderationbatch", models.PROTECT, related_name="strikes")),
                (
                    "user",
                    models.ForeignKey(
                        settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, related_name="strikes"
                    ),
                ),
            ],
            options={"indexes": [models.Index("user", F("id").desc(), name="strike_user_newest")]},
        ),
        migrations.CreateModel(
            name="WatchTerm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("word", "word"), ("phrase", "phrase"), ("regex", "regular expression")],
                        default="word",
                        max_length=6,
                    ),
                ),
                ("pattern", models.CharField(max_length=500)),
                (
                    "note",
                    models.CharField(
                        blank=True, db_default="", default="", help_text="Why it is watched.", max_length=300
                    ),
                ),
                ("active", models.BooleanField(db_default=True, default=True)),
                (
                    "created_by_name",
                    models.CharField("by", blank=True, db_default="", default="", editable=False, max_length=255),
                ),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                ("scanned_through", models.BigIntegerField(db_default=0, default=0, editable=False)),
                ("scanned_at", models.DateTimeField("last scan", editable=False, null=True)),
                ("error", models.CharField(blank=True, db_default="", default="", editable=False, max_length=300)),
            ],
            options={
                "verbose_name": "watched term",
                "constraints": [models.UniqueConstraint(fields=("kind", "pattern"), name="watchterm_unique")],
            },
        ),
        migrations.CreateModel(
            name="EditedMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("message_id", models.BigIntegerField()),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="FileImport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("table", models.CharField(max_length=20)),
                ("file_name", models.TextField()),
                ("stored_as", models.CharField(max_length=40)),
                ("options", models.JSONField(db_default={}, default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("checking", "being checked"),
                            ("previewed", "waiting for confirmation"),
                            ("importing", "being imported"),
                            ("done", "imported"),
                            ("failed", "not imported"),
                            ("cancelled", "cancelled"),
                        ],
                        default="checking",
                        max_length=9,
                    ),
                ),
                ("report", models.JSONField(db_default={}, default=dict)),
                ("seen", models.BinaryField(db_default=b"", default=b"")),
                ("done", models.BigIntegerField(db_default=0, default=0)),
                ("total", models.BigIntegerField(db_default=0, default=0)),
                ("error", models.TextField(blank=True, db_default="", default="")),
                ("cancel_requested", models.BooleanField(db_default=False, default=False)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("requested_at", models.DateTimeField(db_default=Now())),
                ("picked_up_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("owner", models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="SkippedMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("message_id", models.BigIntegerField()),
                ("created_at", models.DateTimeField(db_default=Now())),
                (
                    "term",
                    models.ForeignKey("MiniTwit.watchterm", models.CASCADE, db_index=False, related_name="skipped"),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("term", "message_id"), name="skippedmessage_unique")],
            },
        ),
        migrations.CreateModel(
            name="WatchHit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "found",
                    ArrayField(
                        base_field=models.TextField(), help_text="The parts of the text that match.", size=None
                    ),
                ),
                ("pub_date", models.DateTimeField()),
                ("waiting", models.BooleanField(db_default=True, default=True)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("message", models.ForeignKey("MiniTwit.message", models.CASCADE, related_name="watch_hits")),
                (
                    "term",
                    models.ForeignKey("MiniTwit.watchterm", models.CASCADE, db_index=False, related_name="hits"),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=Q(waiting=True), fields=["pub_date", "message"], name="watchhit_waiting"),
                    models.Index(fields=["term", "pub_date"], name="watchhit_term_dates"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("term", "message"), include=("id",), name="watchhit_unique")
                ],
            },
        ),
        # For a database that had 0001 when this function was slower.
        migrations.RunSQL(triggers.CREATE_FUNCTION, migrations.RunSQL.noop),
        migrations.RunSQL(triggers.CREATE_LOG_FUNCTION, triggers.DROP_LOG_FUNCTION),
        migrations.RunSQL(triggers.CREATE_LOG_TRIGGER, triggers.DROP_LOG_TRIGGER),
        migrations.RunSQL(triggers.CREATE_LOG_TRUNCATE_TRIGGER, triggers.DROP_LOG_TRUNCATE_TRIGGER),
        migrations.CreateModel(
            name="DailyDecisions",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "day", "verb", "actor_name", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                ("verb", models.CharField(choices=VERBS, max_length=9)),
                ("actor_name", models.CharField("moderator", max_length=255)),
                ("number", models.BigIntegerField()),
            ],
            options={"default_permissions": ()},
        ),
        migrations.RunSQL(triggers.CREATE_COUNT_FUNCTION, triggers.DROP_COUNT_FUNCTION),
        migrations.RunSQL(triggers.CREATE_COUNT_TRIGGER, triggers.DROP_COUNT_TRIGGER),
        migrations.RunSQL(triggers.CREATE_EDIT_FUNCTION, triggers.DROP_EDIT_FUNCTION),
        migrations.RunSQL(triggers.CREATE_EDIT_TRIGGER, triggers.DROP_EDIT_TRIGGER),
        migrations.RunPython(migrations.RunPython.noop, refuse_to_lose_decisions),
    ]
