"""Admin screens of the domain, one file per screen."""

from MiniTwit.admin.follows import FollowAdmin
from MiniTwit.admin.messages import MessageAdmin
from MiniTwit.admin.users import UserAdmin

__all__ = ["FollowAdmin", "MessageAdmin", "UserAdmin"]
