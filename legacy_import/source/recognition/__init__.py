"""Which table and column of an old database is which of MiniTwit's."""
