"""What becomes of the passwords of an old database.

They are converted while they are read, before anything of them reaches PostgreSQL: a hash into an encoding that
Django's hashers verify, a plain password into a hash, everything else into an unusable password. So, unlike the other
rules of the import, this one stands in Python alone; in SQL its outcome is only read.
"""

from legacy_import.rules.passwords.column import PasswordWidget
from legacy_import.rules.passwords.conversion import PLAIN_MARK, UNUSABLE, Conversion
from legacy_import.rules.passwords.copy_stream import with_converted_passwords
from legacy_import.rules.passwords.hardened import kept_password, kept_password_sql

__all__ = [
    "PLAIN_MARK",
    "UNUSABLE",
    "Conversion",
    "PasswordWidget",
    "kept_password",
    "kept_password_sql",
    "with_converted_passwords",
]
