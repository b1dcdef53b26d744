"""Moderation: the verbs through which messages and accounts change their state, and nothing else does."""

from MiniTwit.moderation.batches import Cause
from MiniTwit.moderation.errors import ModerationError
from MiniTwit.moderation.message_edits import MessageEdit
from MiniTwit.moderation.verbs import decide, edit, undo
