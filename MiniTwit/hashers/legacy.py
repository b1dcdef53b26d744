"""Hashers for hashes of other applications for which Django has no hasher. They only verify; a sign-in replaces the
old hash."""

import base64
import hashlib
import hmac
import re
from typing import Any

from django.utils.translation import gettext_noop as _

from MiniTwit.hashers.strict import (
    MOST_ITERATIONS,
    STRONG_ITERATIONS,
    ReplacedHasher,
    WrappableHasher,
    decoded_base64,
    parts_of,
)


class WerkzeugDigestHasher(ReplacedHasher, WrappableHasher):
    """Early Werkzeug's `sha1$salt$hex` and its like: HMAC(key=salt, message=password).

    Django's format of the same look is another calculation, so these have names of their own. Without a salt it is
    the digest of the password alone, which is also what a bare MD5 sum is.
    """

    digest_name: str
    shown = (_("algorithm"),)
    ENCODED = re.compile(r"werkzeug_([a-z0-9]+)\$([^$]*)\$([0-9a-f]+)")

    def __init_subclass__(cls) -> None:
        cls.algorithm = f"werkzeug_{cls.digest_name}"
        cls.blank_digest = "00" * hashlib.new(cls.digest_name, usedforsecurity=False).digest_size

    def encode(self, password: str, salt: str) -> str:
        return f"{self.algorithm}${salt}${self.digest_of(password, {'salt': salt})}"

    def decode(self, encoded: str) -> dict[str, Any]:
        name, salt, digest = parts_of(self.ENCODED, encoded)
        if name != self.digest_name or len(digest) != len(self.blank_digest):
            raise ValueError("Another algorithm, or cut short.")
        return {"algorithm": self.algorithm, "salt": salt, "hash": digest}

    def digest_of(self, password: str, decoded: dict[str, Any]) -> str:
        if not decoded["salt"]:
            return hashlib.new(self.digest_name, password.encode(), usedforsecurity=False).hexdigest()
        return hmac.new(decoded["salt"].encode(), password.encode(), self.digest_name).hexdigest()

    def is_weak(self, decoded: dict[str, Any]) -> bool:
        return True


class WerkzeugMD5PasswordHasher(WerkzeugDigestHasher):
    digest_name = "md5"


class WerkzeugSHA1PasswordHasher(WerkzeugDigestHasher):
    digest_name = "sha1"


class WerkzeugSHA224PasswordHasher(WerkzeugDigestHasher):
    digest_name = "sha224"


class WerkzeugSHA256PasswordHasher(WerkzeugDigestHasher):
    digest_name = "sha256"


class WerkzeugSHA384PasswordHasher(WerkzeugDigestHasher):
    digest_name = "sha384"


class WerkzeugSHA512PasswordHasher(WerkzeugDigestHasher):
    digest_name = "sha512"


class SaltedPBKDF2Hasher(ReplacedHasher, WrappableHasher):
    """PBKDF2 whose salt is not the text that Django stores, but bytes.

    Stored as `algorithm$digest$iterations$salt$key`, the key in base64; a subclass says how the salt is written.
    """

    BEGINNING = re.compile(r"([a-z0-9_]+)\$(sha1|sha256|sha512)\$([1-9][0-9]{0,8})\$([^$]+)")
    shown = (_("algorithm"), _("digest"), _("iterations"))

    def salts_of(self, written: str) -> tuple[bytes, ...]:
        """The salts that may be meant, of which one was used.

        Raises:
            ValueError: it is not written as one.
        """
        raise NotImplementedError

    def key_bytes(self, digest: str) -> int:
        """How long a key is."""
        return hashlib.new(digest, usedforsecurity=False).digest_size

    def decode(self, encoded: str) -> dict[str, Any]:
        beginning, _, key = encoded.rpartition("$")
        decoded = self.decode_beginning(beginning)
        decoded_base64(key, self.key_bytes(decoded["digest"]))
        return decoded | {"hash": key}

    def decode_beginning(self, beginning: str) -> dict[str, Any]:
        algorithm, digest, iterations, salt = parts_of(self.BEGINNING, beginning)
        if algorithm != self.algorithm or int(iterations) > MOST_ITERATIONS:
            raise ValueError("Another algorithm, or too costly.")
        self.salts_of(salt)
        return {"algorithm": algorithm, "digest": digest, "iterations": int(iterations), "salt": salt}

    def digests_of(self, password: str, decoded: dict[str, Any]) -> tuple[str, ...]:
        digest, iterations, length = decoded["digest"], decoded["iterations"], self.key_bytes(decoded["digest"])
        return tuple(
            base64.b64encode(hashlib.pbkdf2_hmac(digest, password.encode(), salt, iterations, length)).decode()
            for salt in self.salts_of(decoded["salt"])
        )

    def is_weak(self, decoded: dict[str, Any]) -> bool:
        return bool(decoded["iterations"] < STRONG_ITERATIONS[decoded["digest"]])


class PBKDF2BytesPasswordHasher(SaltedPBKDF2Hasher):
    """What passlib and many other libraries spell `$pbkdf2-sha512$…`: a salt of any bytes, stored in base64."""

    algorithm = "pbkdf2_bytes"
    MOST_SALT_BYTES = 1024  # as passlib has it

    def salts_of(self, written: str) -> tuple[bytes, ...]:
        salt = decoded_base64(written)
        if len(salt) > self.MOST_SALT_BYTES:
            raise ValueError("No salt is so long.")
        return (salt,)


class PBKDF2HexPasswordHasher(SaltedPBKDF2Hasher):
    """PBKDF2 whose salt is written in hexadecimal digits.

    Some programs hash with the digits as text, others with the bytes that they stand for, and the value does not tell
    which. Either fits, which costs twice the time.
    """

    algorithm = "pbkdf2_hex"
    SALT = re.compile(r"(?:[0-9a-f]{2}){8,512}|(?:[0-9A-F]{2}){8,512}")

    def salts_of(self, written: str) -> tuple[bytes, ...]:
        if not self.SALT.fullmatch(written):
            raise ValueError("Not the hexadecimal digits of a salt.")
        return bytes.fromhex(written), written.encode()

    def decode_beginning(self, beginning: str) -> dict[str, Any]:
        decoded = super().decode_beginning(beginning)
        if 2 * decoded["iterations"] > MOST_ITERATIONS:
            raise ValueError("Too costly.")
        return decoded


class ASPNetIdentityPasswordHasher(SaltedPBKDF2Hasher):
    """ASP.NET Core Identity's PBKDF2, of version 2 and 3. The salt is stored in base64."""

    algorithm = "aspnet_identity"
    SALT_BYTES = range(16, 65)

    def key_bytes(self, digest: str) -> int:
        return 32

    def salts_of(self, written: str) -> tuple[bytes, ...]:
        salt = decoded_base64(written)
        if len(salt) not in self.SALT_BYTES:
            raise ValueError("No salt of ASP.NET.")
        return (salt,)
