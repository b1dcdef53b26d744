"""Admin screens of the domain, one file per screen."""

from MiniTwit.admin.batches import ModerationBatchAdmin
from MiniTwit.admin.decisions import ModerationEventAdmin
from MiniTwit.admin.follows import FollowAdmin
from MiniTwit.admin.groups import GroupAdmin
from MiniTwit.admin.lists.saved_filters import SavedFilterAdmin
from MiniTwit.admin.messages import MessageAdmin
from MiniTwit.admin.reasons import ModerationReasonAdmin
from MiniTwit.admin.review import ReviewQueueAdmin
from MiniTwit.admin.users import UserAdmin
from MiniTwit.admin.watchlist import WatchHitAdmin, WatchTermAdmin

__all__ = [
    "FollowAdmin",
    "GroupAdmin",
    "MessageAdmin",
    "ModerationBatchAdmin",
    "ModerationEventAdmin",
    "ModerationReasonAdmin",
    "ReviewQueueAdmin",
    "SavedFilterAdmin",
    "UserAdmin",
    "WatchHitAdmin",
    "WatchTermAdmin",
]
