"""Deciding about messages and accounts, from a list or from a page, and what was decided."""
