"""How the back office talks to PostgreSQL: locks, limits, triggers, causes of failures, checks."""
