"""Work with PostgreSQL: locks, limits, triggers, causes of failures, checks."""
