"""Django's own hashers, made safe against any value in the database.

Django trusts its password column: a value that begins right and goes on wrong raises an error at sign-in (the page
answers 500), and a cost of billions keeps the server busy for hours. In these hashers `decode` is strict, and a value
that it refuses never verifies.
"""

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Any

import bcrypt
from django.contrib.auth import hashers
from django.contrib.auth.hashers import BasePasswordHasher, identify_hasher, mask_hash
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_noop as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# What one sign-in may cost: a few seconds at most.
MOST_ITERATIONS = 5_000_000
MOST_BCRYPT_ROUNDS = 14  # each one more doubles the time
MOST_SCRYPT_COST = 2**15  # N
MOST_SCRYPT_MEMORY = 32 * 1024 * 1024  # bytes: Werkzeug's N=32768, r=8
MOST_SCRYPT_WORK = 2**21  # N * r * p
# Below these a hash is weak by today's measure (OWASP's recommendation for each digest).
STRONG_ITERATIONS = {"sha1": 1_300_000, "sha256": 600_000, "sha512": 210_000}

Summary = dict["StrOrPromise", Any]  # label -> value, as Django's form shows it

BCRYPT_BYTES = 72  # what bcrypt reads of a password


class CarefulHasher(BasePasswordHasher):
    """Never raises, whatever is stored. It comes before one of Django's hashers, or is the base of one of ours.

    A subclass's `decode` raises ValueError for a value that is malformed or would cost too much.

    Attributes:
        shown: the decoded parts that staff see beside salt and hash; none where Django's own hasher says them.
    """

    shown: tuple[str, ...] = ()

    def verify(self, password: str, encoded: str) -> bool:
        try:
            self.decode(encoded)
            return super().verify(password, encoded)
        except ValueError:
            return False

    def must_update(self, encoded: str) -> bool:
        try:
            return super().must_update(encoded)
        except ValueError:
            return True

    def harden_runtime(self, password: str, encoded: str) -> None:
        try:
            super().harden_runtime(password, encoded)
        except ValueError:
            return

    def safe_summary(self, encoded: str) -> Summary:
        try:
            decoded = self.decode(encoded)
            return masked(decoded, *self.shown) if self.shown else super().safe_summary(encoded)
        except ValueError:
            return {_("algorithm"): self.algorithm, _("hash"): _("damaged: no password matches it")}


class ReplacedHasher(CarefulHasher):
    """Only verifies: any sign-in replaces the hash by one of the preferred hasher."""

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Do nothing: Django evens out the time for its preferred hasher only."""


class WrappableHasher(CarefulHasher):
    """A fast hasher, whose stored values `HardenedPasswordHasher` can wrap in a slow one.

    The encoding ends in `$` and the digest.

    Attributes:
        blank_digest: a digest of the right form.
    """

    blank_digest: str

    def decode_beginning(self, beginning: str) -> dict[str, Any]:
        """Decode a value whose digest is gone, up to the `$` before that."""
        return self.decode(f"{beginning}${self.blank_digest}")

    def digest_of(self, password: str, decoded: dict[str, Any]) -> str:
        """The digest that this password has with the salt and the cost of a decoded value."""
        raise NotImplementedError

    def digests_of(self, password: str, decoded: dict[str, Any]) -> tuple[str, ...]:
        """Each digest that the password may have, where a value does not tell which one."""
        return (self.digest_of(password, decoded),)

    def is_weak(self, decoded: dict[str, Any]) -> bool:
        raise NotImplementedError

    def verify(self, password: str, encoded: str) -> bool:
        try:
            decoded = self.decode(encoded)
            digests = self.digests_of(password, decoded)
        except ValueError:
            return False
        return any(constant_time_compare(digest, decoded["hash"]) for digest in digests)


class _PBKDF2(WrappableHasher, hashers.PBKDF2PasswordHasher):
    """The base of the three digests."""

    ENCODED = re.compile(r"(pbkdf2_sha[0-9]+)\$([1-9][0-9]{0,8})\$([^$]+)\$([^$]+)")

    def decode(self, encoded: str) -> dict[str, Any]:
        algorithm, iterations, salt, digest = parts_of(self.ENCODED, encoded)
        if algorithm != self.algorithm or int(iterations) > MOST_ITERATIONS:
            raise ValueError("Another algorithm, or too costly.")
        decoded_base64(digest, self.digest().digest_size)
        return {"algorithm": algorithm, "iterations": int(iterations), "salt": salt, "hash": digest}

    def digest_of(self, password: str, decoded: dict[str, Any]) -> str:
        return self.encode(password, decoded["salt"], decoded["iterations"]).rpartition("$")[2]

    def is_weak(self, decoded: dict[str, Any]) -> bool:
        return decoded["iterations"] < STRONG_ITERATIONS[self.digest().name]


class PBKDF2SHA256PasswordHasher(_PBKDF2):
    """Django's preferred hasher, which is ours, too."""

    blank_digest = base64.b64encode(bytes(32)).decode()


class PBKDF2SHA1PasswordHasher(_PBKDF2):
    algorithm = "pbkdf2_sha1"
    digest = hashlib.sha1
    blank_digest = base64.b64encode(bytes(20)).decode()


class PBKDF2SHA512PasswordHasher(_PBKDF2):
    """Werkzeug's `pbkdf2:sha512:…`, which Django has no name for."""

    algorithm = "pbkdf2_sha512"
    digest = hashlib.sha512
    blank_digest = base64.b64encode(bytes(64)).decode()


class ScryptPasswordHasher(CarefulHasher, hashers.ScryptPasswordHasher):
    """Django's scrypt, with the memory that Werkzeug's cost needs.

    Werkzeug's N=32768, r=8 takes 32 MiB plus OpenSSL's own; Django passes `maxmem=0`, which OpenSSL reads as
    32 MiB in all, so the stock hasher raises ValueError.
    """

    maxmem = 64 * 1024 * 1024  # bytes
    ENCODED = re.compile(r"scrypt\$([1-9][0-9]{0,5})\$([^$]+)\$([1-9][0-9]{0,5})\$([1-9][0-9]{0,5})\$([^$]+)")

    def decode(self, encoded: str) -> dict[str, Any]:
        cost, salt, block_size, parallelism, digest = parts_of(self.ENCODED, encoded)
        n, r, p = int(cost), int(block_size), int(parallelism)
        if n < 2 or n & (n - 1):
            raise ValueError("The cost is not a power of two.")
        if n > MOST_SCRYPT_COST or 128 * n * r > MOST_SCRYPT_MEMORY or n * r * p > MOST_SCRYPT_WORK:
            raise ValueError("Too costly.")
        decoded_base64(digest, 64)
        return {
            "algorithm": self.algorithm,
            "work_factor": n,
            "salt": salt,
            "block_size": r,
            "parallelism": p,
            "hash": digest,
        }


class _BCrypt(CarefulHasher, hashers.BCryptSHA256PasswordHasher):
    """The base of both ways of using bcrypt."""

    # The last character of the salt holds two bits, of which bcrypt knows these spellings only.
    ENCODED = re.compile(r"(bcrypt(?:_sha256)?)\$\$2[aby]\$([0-9]{2})\$([./0-9A-Za-z]{21}[.Oeu])([./0-9A-Za-z]{31})")

    def decode(self, encoded: str) -> dict[str, Any]:
        algorithm, rounds, salt, checksum = parts_of(self.ENCODED, encoded)
        if algorithm != self.algorithm or not 4 <= int(rounds) <= MOST_BCRYPT_ROUNDS:
            raise ValueError("Another algorithm, or too costly.")
        return {
            "algorithm": algorithm,
            "work_factor": int(rounds),
            "salt": salt,
            "checksum": checksum,
        }

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Nothing: new passwords are not hashed so."""


class BCryptSHA256PasswordHasher(_BCrypt):
    """Django's own way, which reads the whole password."""


class BCryptPasswordHasher(_BCrypt):
    """Plain bcrypt, as most programs use it: it reads 72 bytes of a password."""

    algorithm = "bcrypt"
    digest = None

    def verify(self, password: str, encoded: str) -> bool:
        """Cut a longer password, as the programs that made the old hashes did; the library refuses it. In those
        programs a NUL ended a password, so a password with a NUL never matches."""
        if "\0" in password:
            return False
        shortened = password.encode("utf-8", "replace")[:BCRYPT_BYTES]
        try:
            self.decode(encoded)
            made = bcrypt.hashpw(shortened, encoded.removeprefix("bcrypt$").encode())
        except ValueError:
            return False
        return constant_time_compare(f"bcrypt${made.decode()}", encoded)


def is_verifiable(encoded: str) -> bool:
    """Whether a password can be checked against this value, at a bearable cost."""
    try:
        identify_hasher(encoded).decode(encoded)
    except ValueError:
        return False
    return True


def parts_of(pattern: re.Pattern[str], encoded: str) -> tuple[str, ...]:
    """The groups of a value that matches as a whole.

    Raises:
        ValueError: it does not.
    """
    if match := pattern.fullmatch(encoded):
        return match.groups()
    raise ValueError("The value is malformed.")


def decoded_base64(text: str, length: int | None = None) -> bytes:
    """The bytes of a base64 text in its one proper spelling.

    Raises:
        ValueError: it is none, or not of that length.
    """
    try:
        data = base64.b64decode(text)
    except binascii.Error as error:
        raise ValueError("Not base64.") from error
    if base64.b64encode(data).decode() != text or (length is not None and len(data) != length):
        raise ValueError("Not the base64 of a digest.")
    return data


def masked(decoded: dict[str, Any], *names: str) -> Summary:
    """A summary for staff: the named values as they are, salt and hash by their first characters."""
    summary: Summary = {name: decoded[name] for name in names}
    return summary | {_("salt"): mask_hash(decoded["salt"], show=2), _("hash"): mask_hash(decoded["hash"])}
