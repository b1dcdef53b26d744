"""The models, by subject: the domain itself, and what moderating it leaves behind."""

from MiniTwit.models.daily import DailyDecisions
from MiniTwit.models.domain import Decision, Follow, Message, User
from MiniTwit.models.file_import import FileImport
from MiniTwit.models.moderation import (
    BatchState,
    ModerationBatch,
    ModerationEvent,
    ModerationReason,
    PurgedMessage,
    SelectedRow,
    StaffNote,
    Strike,
    Subject,
    Verb,
)
from MiniTwit.models.review import EditedMessage, ReviewClaim, SkippedMessage, WatchHit, WatchTerm
from MiniTwit.models.saved_filters import SavedFilter
