"""Password hashers for the values of old databases and of Django itself.

They are strict: for any value in the database, none of them raises an error at sign-in or on a page, and none of them
begins a calculation that would keep a sign-in busy for minutes.
"""

from MiniTwit.hashers.hardened import HardenedPasswordHasher, hardened, is_weak
from MiniTwit.hashers.legacy import (
    ASPNetIdentityPasswordHasher,
    WerkzeugMD5PasswordHasher,
    WerkzeugSHA1PasswordHasher,
    WerkzeugSHA224PasswordHasher,
    WerkzeugSHA256PasswordHasher,
    WerkzeugSHA384PasswordHasher,
    WerkzeugSHA512PasswordHasher,
)
from MiniTwit.hashers.strict import (
    BCryptPasswordHasher,
    BCryptSHA256PasswordHasher,
    PBKDF2SHA1PasswordHasher,
    PBKDF2SHA256PasswordHasher,
    PBKDF2SHA512PasswordHasher,
    ScryptPasswordHasher,
    is_verifiable,
)

__all__ = [
    "ASPNetIdentityPasswordHasher",
    "BCryptPasswordHasher",
    "BCryptSHA256PasswordHasher",
    "HardenedPasswordHasher",
    "PBKDF2SHA1PasswordHasher",
    "PBKDF2SHA256PasswordHasher",
    "PBKDF2SHA512PasswordHasher",
    "ScryptPasswordHasher",
    "WerkzeugMD5PasswordHasher",
    "WerkzeugSHA1PasswordHasher",
    "WerkzeugSHA224PasswordHasher",
    "WerkzeugSHA256PasswordHasher",
    "WerkzeugSHA384PasswordHasher",
    "WerkzeugSHA512PasswordHasher",
    "hardened",
    "is_verifiable",
    "is_weak",
]
