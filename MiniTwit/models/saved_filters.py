"""Views of lists that moderators come back to."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from MiniTwit.models.saving import SavesChanges


class SavedFilter(SavesChanges):
    """The filters, search and order of a list, under a name; for its owner, or for the whole team."""

    name = models.CharField(max_length=80)
    screen = models.CharField(max_length=100, editable=False, help_text="The list's model, e.g. MiniTwit.message.")
    query = models.TextField(blank=True, default="", db_default="", editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters")
    shared = models.BooleanField(default=False, db_default=False, help_text="Shown to the whole team.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name", "id"]
        permissions = [("share_savedfilter", "Can share a saved filter with the team")]
        constraints = [models.UniqueConstraint(fields=["owner", "screen", "name"], name="savedfilter_unique")]

    def __str__(self) -> str:
        return self.name
