"""Give the screens of other packages what our own have."""

from django.contrib import admin

from MiniTwit.admin.screens import ScreenMixin


def adopt_screens() -> None:
    """Register the screens of other packages again, with ours as their first base class."""
    for model, screen in list(admin.site._registry.items()):
        if not isinstance(screen, ScreenMixin):
            name = type(screen).__name__
            admin.site.unregister(model)
            admin.site.register(model, type(name, (ScreenMixin, type(screen)), {}))
