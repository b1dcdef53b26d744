"""Forms: what they were opened with, what was typed, and ids that clients send."""
