"""Screens of other packages, held to the rules of our own: a list is asked for by its own parameters only."""

from django.contrib import admin

from MiniTwit.admin.lists.own_parameters import OwnParametersMixin


def hold_to_own_parameters() -> None:
    """Register the screens again that other packages registered, with the rule before them."""
    for model, screen in list(admin.site._registry.items()):
        if not isinstance(screen, OwnParametersMixin):
            name = type(screen).__name__
            admin.site.unregister(model)
            admin.site.register(model, type(name, (OwnParametersMixin, type(screen)), {}))
