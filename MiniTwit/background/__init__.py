"""Work that a background worker does: its life (`work`), what pages show of it (`progress`), and the queue."""
