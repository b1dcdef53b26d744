"""Work that a background worker does."""
