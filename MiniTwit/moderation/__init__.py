"""Moderation: the verbs through which messages and accounts change their state, and nothing else does."""

from MiniTwit.moderation.errors import ModerationError
from MiniTwit.moderation.message_edits import MessageEdit
from MiniTwit.moderation.verbs import (
    decide,
    edit,
    edit_each,
    erase,
    flag,
    keep,
    purge,
    reinstate,
    suspend,
    undo,
    unflag,
    warn,
)
