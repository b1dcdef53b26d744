"""A PostgreSQL of the checkout's own."""
