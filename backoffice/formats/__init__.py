"""How dates and times are written on all pages."""
