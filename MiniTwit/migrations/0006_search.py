"""Substring search in messages and usernames: trigram indexes.

0011 replaces the indexes, so a database that comes this way does not build them twice.
"""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    dependencies = [("MiniTwit", "0005_moderation")]

    operations = [
        TrigramExtension(),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddIndex(
                    model_name="message",
                    index=GinIndex(OpClass(Upper("text"), name="gin_trgm_ops"), name="message_text_trigrams"),
                ),
                migrations.AddIndex(
                    model_name="user",
                    index=GinIndex(OpClass(Upper("username"), name="gin_trgm_ops"), name="user_username_trigrams"),
                ),
            ]
        ),
    ]
