"""Old password hashes in an encoding of Django's hashers, without knowing the passwords.

This module only changes the spelling; the hasher checks whether a hash is whole and what it costs. Sources:
werkzeug.security, django.contrib.auth.hashers, PasswordHasher.cs of ASP.NET Core Identity, and
passlib.handlers.pbkdf2.
"""

import base64
import binascii
import re
from collections.abc import Callable

from MiniTwit.hashers import is_verifiable
from MiniTwit.hashers.legacy import PBKDF2HexPasswordHasher

WERKZEUG_PBKDF2 = re.compile(r"pbkdf2:(sha1|sha256|sha512):([0-9]+)\$([^$]+)\$((?:[0-9a-f]{2})+|(?:[0-9A-F]{2})+)")
# Werkzeug's own salts have letters of the whole alphabet, so one of such digits is of a program that has its own way.
HEX_SALT = PBKDF2HexPasswordHasher.SALT
# Modular Crypt Format as passlib writes it, or as the Password Hashing Competition has it: i=ROUNDS,l=BYTES.
MODULAR_PBKDF2 = re.compile(
    r"\$pbkdf2(-sha256|-sha512)?\$(?:i=)?([0-9]+)(?:,l=[0-9]+)?\$([./+0-9A-Za-z]+)\$([./+0-9A-Za-z]+)"
)
WERKZEUG_SCRYPT = re.compile(r"scrypt:([0-9]+):([0-9]+):([0-9]+)\$([^$]+)\$((?:[0-9a-f]{2})+)")
WERKZEUG_DIGEST = re.compile(r"(?:md5|sha1|sha224|sha256|sha384|sha512)\$[^$]*\$[0-9a-f]+")
BARE_DIGEST = re.compile(r"[0-9a-f]+|[0-9A-F]+")
BARE_DIGESTS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}  # by how many digits they have
BCRYPT = re.compile(r"(?:\{bcrypt\})?(\$2[aby]\$.+)")  # Spring puts the name before it
# Base64 of a version, which is one byte: 0 and a salt, or 1 and a number below 2**28.
ASPNET = re.compile(r"A[A-Q][0-9A-Za-z+/]+={0,2}")
ASPNET_DIGESTS = ("sha1", "sha256", "sha512")
ASPNET_HEADER = 13  # bytes: the version, and three numbers of four bytes, the most significant first
ASPNET_2_SALT = 16  # bytes; a thousand rounds of SHA-1

DJANGO = re.compile(r"(?:pbkdf2_sha256|pbkdf2_sha1|pbkdf2_sha512|scrypt|bcrypt|bcrypt_sha256)\$.+", re.DOTALL)


def converted(text: str) -> str | None:
    """The same hash as our hashers spell it, None if it is no hash that they can verify at a bearable cost."""
    for pattern, spell in FORMATS:
        if match := pattern.fullmatch(text):
            encoded = spell(match)
            return encoded if encoded and is_verifiable(encoded) else None
    return None


def _pbkdf2(match: re.Match[str]) -> str:
    digest, iterations, salt, key = match.groups()
    method = f"pbkdf2_hex${digest}" if HEX_SALT.fullmatch(salt) else f"pbkdf2_{digest}"
    return f"{method}${iterations}${salt}${_base64(bytes.fromhex(key))}"


def _modular_pbkdf2(match: re.Match[str]) -> str:
    digest, iterations, salt, key = match.groups()
    name = digest.removeprefix("-") if digest else "sha1"
    return f"pbkdf2_bytes${name}${iterations}${_padded(salt)}${_padded(key)}"


def _bare_digest(match: re.Match[str]) -> str | None:
    name = BARE_DIGESTS.get(len(match[0]))
    return f"werkzeug_{name}$${match[0].lower()}" if name else None


def _scrypt(match: re.Match[str]) -> str:
    cost, block_size, parallelism, salt, key = match.groups()
    return f"scrypt${cost}${salt}${block_size}${parallelism}${_base64(bytes.fromhex(key))}"


def _aspnet(match: re.Match[str]) -> str | None:
    try:
        data = base64.b64decode(match[0])
    except binascii.Error:
        return None
    if data[0] == 0:
        digest, iterations, salt_bytes, rest = "sha1", 1_000, ASPNET_2_SALT, data[1:]
    else:
        number, iterations, salt_bytes = (int.from_bytes(data[at : at + 4]) for at in (1, 5, 9))
        if number >= len(ASPNET_DIGESTS):
            return None
        digest, rest = ASPNET_DIGESTS[number], data[ASPNET_HEADER:]
    salt, key = rest[:salt_bytes], rest[salt_bytes:]
    return f"aspnet_identity${digest}${iterations}${_base64(salt)}${_base64(key)}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _padded(text: str) -> str:
    """Base64 as it is usual; passlib writes `.` for `+`, and no padding."""
    return text.replace(".", "+") + "=" * (-len(text) % 4)


# How an old value looks, and how our hashers spell it.
FORMATS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]], ...] = (
    (WERKZEUG_PBKDF2, _pbkdf2),
    (WERKZEUG_SCRYPT, _scrypt),
    (WERKZEUG_DIGEST, lambda match: f"werkzeug_{match[0]}"),
    (BARE_DIGEST, _bare_digest),
    (MODULAR_PBKDF2, _modular_pbkdf2),
    (BCRYPT, lambda match: f"bcrypt${match[1]}"),
    (ASPNET, _aspnet),
    (DJANGO, lambda match: match[0]),
)
