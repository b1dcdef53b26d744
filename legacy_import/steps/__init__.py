"""What happens to the rows of an import, in order: stage, classify, preview, apply, undo."""
