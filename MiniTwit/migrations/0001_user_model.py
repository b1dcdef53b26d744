"""The user table."""

import django.contrib.auth.models
import django.core.validators
import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models

import MiniTwit.validators
from MiniTwit.database import triggers


class Migration(migrations.Migration):
    initial = True

    dependencies = [("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Any printable characters, spaces included.",
                        max_length=254,
                        unique=True,
                        validators=[MiniTwit.validators.PrintableUsernameValidator()],
                    ),
                ),
                ("password", models.CharField()),
                (
                    "email",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        validators=[django.core.validators.EmailValidator()],
                        verbose_name="email address",
                    ),
                ),
                ("first_name", models.CharField(blank=True, db_default="", default="", max_length=150)),
                ("last_name", models.CharField(blank=True, db_default="", default="", max_length=150)),
                (
                    "is_staff",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="May sign in to the back office.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_superuser",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Holds every permission.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        db_default=True,
                        default=True,
                        help_text="May sign in. Untick instead of deleting.",
                        verbose_name="active",
                    ),
                ),
                (
                    "date_joined",
                    models.DateTimeField(
                        blank=True,
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        help_text="Empty when unknown: the old database did not keep it.",
                        null=True,
                    ),
                ),
                (
                    "legacy_id",
                    models.BigIntegerField(editable=False, null=True, unique=True, verbose_name="old id"),
                ),
                ("import_run", models.IntegerField(editable=False, null=True, verbose_name="import run")),
                (
                    "changed_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="changed in this application"),
                ),
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
                ],
            },
            managers=[
                ("objects", django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("username", ""), _negated=True), name="user_username_not_empty"
            ),
        ),
        migrations.RunSQL(triggers.CREATE_FUNCTION, triggers.DROP_FUNCTION),
        migrations.RunSQL(triggers.CREATE_USER_TRIGGER, triggers.DROP_USER_TRIGGER),
    ]
