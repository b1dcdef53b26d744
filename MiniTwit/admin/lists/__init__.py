"""Lists of rows: pages, filters, saved views."""
