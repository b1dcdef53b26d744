"""Old password hashes in an encoding of Django's hashers, without knowing the passwords.

This module only changes the spelling; the hasher checks whether a hash is whole and what it costs. Sources:
werkzeug.security, django.contrib.auth.hashers, and PasswordHasher.cs of ASP.NET Core Identity.
"""

import base64
import binascii
import re
from collections.abc import Callable

from MiniTwit.hashers import is_verifiable

WERKZEUG_PBKDF2 = re.compile(r"pbkdf2:(sha1|sha256|sha512):([0-9]+)\$([^$]+)\$((?:[0-9a-f]{2})+)")
WERKZEUG_SCRYPT = re.compile(r"scrypt:([0-9]+):([0-9]+):([0-9]+)\$([^$]+)\$((?:[0-9a-f]{2})+)")
WERKZEUG_DIGEST = re.compile(r"(?:md5|sha1|sha224|sha256|sha384|sha512)\$[^$]*\$[0-9a-f]+")
BARE_MD5 = re.compile(r"[0-9a-f]{32}|[0-9A-F]{32}")
BCRYPT = re.compile(r"\$2[aby]\$.+")
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
    return f"pbkdf2_{digest}${iterations}${salt}${_base64(bytes.fromhex(key))}"


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


# How an old value looks, and how our hashers spell it.
FORMATS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]], ...] = (
    (WERKZEUG_PBKDF2, _pbkdf2),
    (WERKZEUG_SCRYPT, _scrypt),
    (WERKZEUG_DIGEST, lambda match: f"werkzeug_{match[0]}"),
    (BARE_MD5, lambda match: f"werkzeug_md5$${match[0].lower()}"),
    (BCRYPT, lambda match: f"bcrypt${match[0]}"),
    (ASPNET, _aspnet),
    (DJANGO, lambda match: match[0]),
)
