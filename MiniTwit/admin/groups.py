"""Groups of staff: Django's own screen, which saves changed permissions only."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangosGroupAdmin
from django.contrib.auth.models import Group

from MiniTwit.admin.forms.versions import VersionedAdmin

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(VersionedAdmin, DjangosGroupAdmin):
    """A group's permissions are one list; a user who changes it sees changes that were made elsewhere."""
