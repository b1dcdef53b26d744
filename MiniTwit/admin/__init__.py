"""Admin screens of the domain, one file per screen."""

from MiniTwit.admin.batches import ModerationBatchAdmin
from MiniTwit.admin.decisions import ModerationEventAdmin
from MiniTwit.admin.follows import FollowAdmin
from MiniTwit.admin.messages import MessageAdmin
from MiniTwit.admin.reasons import ModerationReasonAdmin
from MiniTwit.admin.saved_filters import SavedFilterAdmin
from MiniTwit.admin.users import UserAdmin

__all__ = [
    "FollowAdmin",
    "MessageAdmin",
    "ModerationBatchAdmin",
    "ModerationEventAdmin",
    "ModerationReasonAdmin",
    "SavedFilterAdmin",
    "UserAdmin",
]
