"""Password hashers for what the old Flask application stored and Django has no hasher for."""

import hashlib

from django.contrib.auth.hashers import PBKDF2PasswordHasher, ScryptPasswordHasher


class PBKDF2SHA512PasswordHasher(PBKDF2PasswordHasher):
    """Werkzeug's `pbkdf2:sha512:…`, which Django has no name for."""

    algorithm = "pbkdf2_sha512"
    digest = hashlib.sha512


class WerkzeugScryptPasswordHasher(ScryptPasswordHasher):
    """Django's scrypt, with the memory that Werkzeug's cost needs.

    Werkzeug's N=32768, r=8 takes 32 MiB plus OpenSSL's own; Django passes `maxmem=0`, which OpenSSL reads as
    32 MiB in all, so the stock hasher raises ValueError.
    """

    maxmem = 64 * 1024 * 1024  # bytes
