"""The search compares skeletons, and the watch-list looks through everything once more, by skeletons too."""

import django.contrib.postgres.indexes
from django.db import migrations, models

from MiniTwit.skeletons import Skeleton, function

# A database that was migrated before 0006 left them out has them.
DROP_INDEXES = "DROP INDEX IF EXISTS message_text_trigrams, user_username_trigrams"
# What was found stays, decided or not.
LOOK_AGAIN = 'UPDATE "MiniTwit_watchterm" SET scanned_through = 0'


def trigrams(column: str) -> django.contrib.postgres.indexes.OpClass:
    return django.contrib.postgres.indexes.OpClass(Skeleton(column), name="gin_trgm_ops")


class Migration(migrations.Migration):
    dependencies = [("MiniTwit", "0010_edited_messages")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(DROP_INDEXES, migrations.RunSQL.noop)],
            state_operations=[
                migrations.RemoveIndex(model_name="message", name="message_text_trigrams"),
                migrations.RemoveIndex(model_name="user", name="user_username_trigrams"),
            ],
        ),
        migrations.RunSQL(function.CREATE_FUNCTION, function.DROP_FUNCTION),
        migrations.AddIndex(
            model_name="message",
            index=django.contrib.postgres.indexes.GinIndex(trigrams("text"), name="message_text_trigrams"),
        ),
        migrations.AddIndex(
            model_name="user",
            index=django.contrib.postgres.indexes.GinIndex(trigrams("username"), name="user_username_trigrams"),
        ),
        migrations.AddIndex(
            model_name="user",
            index=django.contrib.postgres.indexes.GinIndex(trigrams("email"), name="user_email_trigrams"),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=models.Q(("date_joined__isnull", False)), fields=["date_joined"], name="user_joined"
            ),
        ),
        migrations.RunSQL(LOOK_AGAIN, migrations.RunSQL.noop),
    ]
