"""Moderation: the verbs through which messages and accounts change their state, and nothing else does."""

from MiniTwit.moderation.errors import ModerationError
from MiniTwit.moderation.verbs import erase, flag, keep, purge, reinstate, suspend, undo, unflag, warn

__all__ = ["ModerationError", "erase", "flag", "keep", "purge", "reinstate", "suspend", "undo", "unflag", "warn"]
