"""Groups of staff: Django's own screen, which saves the permissions that were changed and no others."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangosGroupAdmin
from django.contrib.auth.models import Group

from MiniTwit.admin.forms.versions import VersionedAdmin

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(VersionedAdmin, DjangosGroupAdmin):
    """A group's permissions are one list: who changes it sees what was changed elsewhere."""
