from django.apps import AppConfig
from django.core import checks
from django.db.backends.signals import connection_created

from MiniTwit.database.checks import check_databases
from MiniTwit.database.session_settings import apply_settings
from MiniTwit.instants import read_showable_instants


class MiniTwitConfig(AppConfig):
    name = "MiniTwit"
    verbose_name = "MiniTwit"

    def ready(self) -> None:
        checks.register(check_databases, checks.Tags.database)
        connection_created.connect(apply_settings, dispatch_uid="MiniTwit.database.session_settings")
        connection_created.connect(read_showable_instants, dispatch_uid="MiniTwit.instants")
