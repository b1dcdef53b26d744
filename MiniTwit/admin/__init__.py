"""Admin screens of the domain, one file per screen. Each registers itself."""

from MiniTwit.admin import batches, decisions, follows, groups, messages, reasons, review, users, watchlist
