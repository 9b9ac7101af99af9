"""Django's registration of the application."""

from django.apps import AppConfig


class AddonsConfig(AppConfig):
    """Add-ons: listed, searched, uploaded."""

    name = "olympia.addons"
