"""What moderation adds: decisions and their log, strikes, notes, the watch-list, saved filters, search, file imports."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex, GinIndex, OpClass
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models

from MiniTwit.database import triggers
from MiniTwit.skeletons import Skeleton, function

VERBS = [
    ("flag", "Flag"),
    ("unflag", "Unflag"),
    ("keep", "Keep"),
    ("edit", "Edit"),
    ("purge", "Purge"),
    ("suspend", "Suspend"),
    ("reinstate", "Reinstate"),
    ("warn", "Warn"),
    ("erase", "Erase"),
    ("undo", "Undo"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("MiniTwit", "0004_migratemessages"),
    ]

    operations = [
        # The trigram indexes below need both.
        TrigramExtension(),
        migrations.RunSQL(function.CREATE_FUNCTIONS, function.DROP_FUNCTIONS),
        migrations.AlterModelOptions(
            name="user",
            options={
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
            name="message",
            options={
                "permissions": [
                    ("import_message", "Can import messages from a file"),
                    ("export_message", "Can export messages to a file"),
                    ("moderate_message", "Can flag, unflag and keep messages"),
                    ("edit_message", "Can edit the messages of others, with a reason"),
                    ("purge_message", "Can delete messages for good"),
                ]
            },
        ),
        migrations.AddField(
            model_name="message",
            name="decided_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="reviewed"),
        ),
        migrations.AddField(
            model_name="message",
            name="decision",
            field=models.CharField(
                blank=True,
                choices=[("flag", "flagged"), ("unflag", "unflagged"), ("keep", "kept")],
                db_default="",
                default="",
                editable=False,
                max_length=6,
                verbose_name="last decision",
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="suspended_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="suspended"),
        ),
        migrations.AddField(
            model_name="user",
            name="suspended_until",
            field=models.DateTimeField(editable=False, help_text="Empty: until reinstated.", null=True),
        ),
        migrations.AddField(
            model_name="user",
            name="erased_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="erased"),
        ),
        migrations.AddIndex(
            model_name="follow",
            index=BrinIndex(fields=["import_run"], name="follow_import_run"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                models.OrderBy(models.F("pub_date"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("flagged", True)),
                name="message_flagged_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                models.OrderBy(models.F("pub_date"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("decided_at__isnull", False)),
                name="message_reviewed_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                models.F("pub_date"),
                models.F("id"),
                condition=models.Q(("decided_at", None), ("flagged", True)),
                name="message_flagged_unreviewed",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=BrinIndex(fields=["import_run"], name="message_import_run"),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at", None), ("decision", "")),
                    models.Q(("decision__in", ["flag", "unflag", "keep"]), ("decided_at__isnull", False)),
                    _connector="OR",
                ),
                name="message_decision_and_date",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                models.F("author"),
                models.F("pub_date"),
                models.F("id"),
                condition=models.Q(("decided_at", None)),
                name="message_author_undecided",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=GinIndex(
                OpClass(Skeleton("text"), name="gin_trgm_ops"),
                name="message_text_trigrams",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=models.Q(("suspended_at__isnull", False)), fields=["suspended_at"], name="user_suspended"
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("suspended_until", None), ("suspended_at__isnull", False), _connector="OR"),
                name="user_suspended_until_needs_suspension",
            ),
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
            index=BrinIndex(fields=["import_run"], name="user_import_run"),
        ),
        migrations.AddIndex(
            model_name="user",
            index=GinIndex(
                OpClass(Skeleton("username"), name="gin_trgm_ops"),
                name="user_username_trigrams",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=GinIndex(
                OpClass(Skeleton("email"), name="gin_trgm_ops"),
                name="user_email_trigrams",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=models.Q(("date_joined__isnull", False)), fields=["date_joined"], name="user_joined"
            ),
        ),
        migrations.CreateModel(
            name="ModerationBatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "verb",
                    models.CharField(
                        choices=VERBS,
                        max_length=9,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
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
                ("actor_name", models.CharField(max_length=255, verbose_name="moderator")),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=100)),
                ("note", models.TextField(blank=True, db_default="", default="")),
                ("options", models.JSONField(db_default={}, default=dict)),
                ("selected", models.BigIntegerField(db_default=0, default=0)),
                ("changed", models.BigIntegerField(db_default=0, default=0)),
                ("unchanged", models.BigIntegerField(db_default=0, default=0)),
                ("skipped", models.BigIntegerField(db_default=0, default=0)),
                ("messages", models.BigIntegerField(db_default=0, default=0)),
                ("error", models.TextField(blank=True, db_default="", default="")),
                ("cancel_requested", models.BooleanField(db_default=False, default=False)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "actor",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="moderation_batches",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "undoes",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="undone_by",
                        to="MiniTwit.moderationbatch",
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
                (
                    "verb",
                    models.CharField(
                        choices=VERBS,
                        max_length=9,
                    ),
                ),
                ("before", models.JSONField()),
                ("after", models.JSONField(null=True)),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=100)),
                ("note", models.TextField(blank=True, db_default="", default="")),
                ("actor_name", models.CharField(max_length=255, verbose_name="moderator")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "actor",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="decisions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="MiniTwit.moderationbatch",
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="events",
                        to="MiniTwit.message",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="events",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "decision",
                "ordering": ["-id"],
                "permissions": [("export_moderationevent", "Can export decisions to a file")],
                "indexes": [
                    models.Index(
                        models.F("message"),
                        models.OrderBy(models.F("id"), descending=True),
                        name="event_message_newest",
                    ),
                    models.Index(
                        models.F("user"), models.OrderBy(models.F("id"), descending=True), name="event_user_newest"
                    ),
                    models.Index(
                        models.F("actor"), models.OrderBy(models.F("id"), descending=True), name="event_actor_newest"
                    ),
                    models.Index(
                        models.F("verb"), models.OrderBy(models.F("id"), descending=True), name="event_verb_newest"
                    ),
                    models.Index(
                        models.OrderBy(models.F("created_at"), descending=True),
                        models.OrderBy(models.F("id"), descending=True),
                        name="event_newest",
                    ),
                    models.Index(fields=["user", "batch", "id"], name="event_user_batch"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("message__isnull", False), ("user__isnull", False), _connector="OR"),
                        name="event_has_object",
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
            options={
                "ordering": ["position", "name"],
            },
        ),
        migrations.CreateModel(
            name="PurgedMessage",
            fields=[
                ("legacy_id", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="old id")),
                ("purged_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ReviewClaim",
            fields=[
                (
                    "message",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="claim",
                        serialize=False,
                        to="MiniTwit.message",
                    ),
                ),
                ("until", models.DateTimeField()),
                (
                    "moderator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="claims",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "review",
                "verbose_name_plural": "review queue",
            },
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
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_filters",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="selected_rows",
                        to="MiniTwit.moderationbatch",
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
                        condition=models.Q(("outcome", "skipped")),
                        fields=["batch", "object_id"],
                        name="selectedrow_skipped",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StaffNote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.TextField()),
                ("author_name", models.CharField(max_length=255, verbose_name="by")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="written_notes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="staff_notes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("user"),
                        models.OrderBy(models.F("id"), descending=True),
                        name="staffnote_user_newest",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Strike",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.TextField()),
                ("actor_name", models.CharField(max_length=255, verbose_name="moderator")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="strikes",
                        to="MiniTwit.moderationbatch",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="strikes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("user"), models.OrderBy(models.F("id"), descending=True), name="strike_user_newest"
                    )
                ],
            },
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
                    models.CharField(
                        blank=True, db_default="", default="", editable=False, max_length=255, verbose_name="by"
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("scanned_through", models.BigIntegerField(db_default=0, default=0, editable=False)),
                ("scanned_at", models.DateTimeField(editable=False, null=True, verbose_name="last scan")),
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
            options={
                "default_permissions": (),
            },
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
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("requested_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("picked_up_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SkippedMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("message_id", models.BigIntegerField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "term",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="skipped",
                        to="MiniTwit.watchterm",
                    ),
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
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), help_text="The parts of the text that match.", size=None
                    ),
                ),
                ("pub_date", models.DateTimeField()),
                ("waiting", models.BooleanField(db_default=True, default=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="watch_hits", to="MiniTwit.message"
                    ),
                ),
                (
                    "term",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hits",
                        to="MiniTwit.watchterm",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("waiting", True)), fields=["pub_date", "message"], name="watchhit_waiting"
                    )
                ],
                "constraints": [models.UniqueConstraint(fields=("term", "message"), name="watchhit_unique")],
            },
        ),
        migrations.RunSQL(triggers.CREATE_LOG_FUNCTION, triggers.DROP_LOG_FUNCTION),
        migrations.RunSQL(triggers.CREATE_LOG_TRIGGER, triggers.DROP_LOG_TRIGGER),
        migrations.RunSQL(triggers.CREATE_LOG_TRUNCATE_TRIGGER, triggers.DROP_LOG_TRUNCATE_TRIGGER),
        migrations.RunSQL(triggers.CREATE_EDIT_FUNCTION, triggers.DROP_EDIT_FUNCTION),
        migrations.RunSQL(triggers.CREATE_EDIT_TRIGGER, triggers.DROP_EDIT_TRIGGER),
    ]
