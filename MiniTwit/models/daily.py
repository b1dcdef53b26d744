"""Counts of the log by day, so that no page has to count it itself."""

from django.db import models

from MiniTwit.models.moderation import Verb


class DailyDecisions(models.Model):
    """How many events one moderator added to the log on one day, of UTC, with one verb.

    A trigger on the log keeps it (see `MiniTwit/database/triggers.py`), so no verb can forget it. A moderator's name
    is part of the key: moderators who decide at the same time do not wait for each other.
    """

    pk = models.CompositePrimaryKey("day", "verb", "actor_name")
    day = models.DateField()
    verb = models.CharField(max_length=9, choices=Verb)
    actor_name = models.CharField("moderator", max_length=255)
    number = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.number} of {self.verb} by {self.actor_name} on {self.day}"
