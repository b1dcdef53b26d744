"""PBKDF2 in processes beside the threads that read passwords.

The OpenSSL in the package `cryptography` takes half the time of the older one that Python often has, but other
threads wait meanwhile. So each thread that hashes many passwords has a process that hashes for it. Such a process
ends with its input: at the latest when the one that started it ends, however that comes.

    python hashing_process.py

Each line of the input is a password, a salt and how many iterations, as JSON; each line of the output a hash in
base64.
"""

import base64
import json
import subprocess
import sys
import threading
import weakref
from typing import IO, cast

_of_this_thread = threading.local()


class HashingProcess:
    """A process that hashes for one thread. It starts when it is first needed, and ends with this object."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def hash(self, password: str, salt: str, iterations: int) -> str:
        if self._process is None:
            self._process = started()
            weakref.finalize(self, ended, self._process)
        questions, answers = cast("tuple[IO[bytes], IO[bytes]]", (self._process.stdin, self._process.stdout))
        questions.write(json.dumps([password, salt, iterations]).encode() + b"\n")
        questions.flush()
        answer = answers.readline()
        if not answer:
            raise RuntimeError("The process that hashes passwords has ended.")
        return answer.decode().rstrip()


def started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 -- our own
        [sys.executable, "-I", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # a terminal's Ctrl-C is for the import alone
    )


def ended(process: subprocess.Popen[bytes]) -> None:
    with process:  # closes its input and waits
        pass


def hash_beside() -> None:
    """Let the passwords of this thread be hashed by a process beside it, which ends with the thread."""
    _of_this_thread.process = HashingProcess()


def process_beside() -> HashingProcess | None:
    """The process beside this thread, if it has one."""
    return getattr(_of_this_thread, "process", None)


def main() -> None:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    for line in sys.stdin.buffer:
        password, salt, iterations = json.loads(line)
        key = PBKDF2HMAC(SHA256(), 32, salt.encode(), iterations).derive(password.encode())
        sys.stdout.buffer.write(base64.b64encode(key) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
