"""The user table."""

from django.contrib.auth.models import UserManager
from django.core.validators import EmailValidator
from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from MiniTwit.database import triggers
from MiniTwit.validators import PrintableUsernameValidator


class Migration(migrations.Migration):
    initial = True

    dependencies = [("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("last_login", models.DateTimeField("last login", blank=True, null=True)),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Any printable characters, spaces included.",
                        max_length=254,
                        unique=True,
                        validators=[PrintableUsernameValidator()],
                    ),
                ),
                ("password", models.CharField()),
                (
                    "email",
                    models.CharField(
                        "email address", blank=True, db_default="", default="", validators=[EmailValidator()]
                    ),
                ),
                ("first_name", models.CharField(blank=True, db_default="", default="", max_length=150)),
                ("last_name", models.CharField(blank=True, db_default="", default="", max_length=150)),
                (
                    "is_staff",
                    models.BooleanField(
                        "staff status", db_default=False, default=False, help_text="May sign in to the back office."
                    ),
                ),
                (
                    "is_superuser",
                    models.BooleanField(
                        "superuser status", db_default=False, default=False, help_text="Holds every permission."
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        "active", db_default=True, default=True, help_text="May sign in. Untick instead of deleting."
                    ),
                ),
                (
                    "date_joined",
                    models.DateTimeField(
                        blank=True,
                        db_default=Now(),
                        default=timezone.now,
                        help_text="Empty when unknown: the old database did not keep it.",
                        null=True,
                    ),
                ),
                ("legacy_id", models.BigIntegerField("old id", editable=False, null=True, unique=True)),
                ("import_run", models.IntegerField("import run", editable=False, null=True)),
                ("changed_at", models.DateTimeField("changed in this application", editable=False, null=True)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "permissions": [
                    ("import_user", "Can import users from a file"),
                    ("export_user", "Can export users to a file"),
                ]
            },
            managers=[("objects", UserManager())],
        ),
        migrations.AddConstraint(
            "user", models.CheckConstraint(condition=~Q(username=""), name="user_username_not_empty")
        ),
        migrations.RunSQL(triggers.CREATE_FUNCTION, triggers.DROP_FUNCTION),
        migrations.RunSQL(triggers.CREATE_USER_TRIGGER, triggers.DROP_USER_TRIGGER),
    ]
