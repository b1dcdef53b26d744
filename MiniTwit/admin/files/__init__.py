"""Import from files and export to files."""
