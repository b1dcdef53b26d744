"""Apply the rule of our own lists to the screens of other packages: a list takes its own parameters only."""

from django.contrib import admin

from MiniTwit.admin.lists.own_parameters import OwnParametersMixin


def hold_to_own_parameters() -> None:
    """Register the screens of other packages again, with the rule as their first base class."""
    for model, screen in list(admin.site._registry.items()):
        if not isinstance(screen, OwnParametersMixin):
            name = type(screen).__name__
            admin.site.unregister(model)
            admin.site.register(model, type(name, (OwnParametersMixin, type(screen)), {}))
