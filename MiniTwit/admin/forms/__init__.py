"""Forms: the values they were opened with, drafts, and ids that clients send."""
