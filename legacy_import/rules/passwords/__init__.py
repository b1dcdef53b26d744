"""What becomes of the passwords of an old database.

They are converted while they are read, before anything of them reaches PostgreSQL: a hash into an encoding that
Django's hashers verify (`hash_formats`), a plain password into a hash (`plain`), everything else into an unusable
password.
"""

from legacy_import.rules.passwords.column import UNUSABLE, PasswordColumn
from legacy_import.rules.passwords.hardened import kept_password, kept_password_sql
