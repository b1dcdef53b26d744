from django.apps import AppConfig


class MiniTwitConfig(AppConfig):
    name = "MiniTwit"
    verbose_name = "MiniTwit"
