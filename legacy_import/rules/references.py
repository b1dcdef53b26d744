"""Find the accounts that old messages and follows refer to."""

import functools

from django.db.models import QuerySet

from legacy_import.rules.columns import AccountColumn, TextId, account_key
from legacy_import.source.values import LegacyValue
from legacy_import.tables import Models
from MiniTwit.models import User


class AccountsMixin:
    """Finds imported accounts by old id or by username."""

    models: Models
    users_run: int | None

    def account_column(self) -> AccountColumn:
        return AccountColumn(find=self.find_account, name_of=functools.cache(self.name_of_account))

    def find_account(self, key: int | TextId) -> int | None:
        """The new id of an imported account, merged ones included."""
        found = self.account_of(key.number if isinstance(key, TextId) else key)
        return self.account_named(key) if found is None and isinstance(key, TextId) else found

    def account_of(self, number: int) -> int | None:
        """That of an old id."""
        found = self.imported_users().filter(legacy_id=number).values_list("pk", flat=True).first()
        if found is None:
            found = self.models.merged.objects.filter(legacy_id=number).values_list("user_id", flat=True).first()
        return found

    def account_named(self, key: TextId) -> int | None:
        """That of a username, unless the text is the id of a user who was refused."""
        if self.models.rejected.objects.filter(run_id=self.users_run, table="user", legacy_id=key.number).exists():
            return None
        return self.imported_users().filter(username=key.text).values_list("pk", flat=True).first()

    def imported_users(self) -> QuerySet[User]:
        return self.models.user._default_manager.filter(legacy_id__isnull=False)

    def is_named(self, value: LegacyValue) -> bool:
        """Whether a row gives an account by its username alone."""
        key = account_key(value)
        return isinstance(key, TextId) and self.account_of(key.number) is None and bool(self.account_named(key))

    def name_of_account(self, pk: int) -> str:
        return self.models.user._default_manager.values_list("username", flat=True).get(pk=pk)
