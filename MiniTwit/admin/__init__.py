"""Admin screens of the domain, one file per screen."""
