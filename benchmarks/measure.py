"""Run one command and measure its time and peak memory.

    python -m benchmarks.measure RESULT.json COMMAND ARGUMENT ...

Linux gives a new process the peak memory of the one that started it, so a measuring process has to be small: this
one imports next to nothing, and each measurement starts a new one.
"""

import json
import os
import subprocess
import sys
import time


def main() -> None:
    result_path, *command = sys.argv[1:]
    started = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code  # so that Popen does not look for a process that was waited for
    with open(result_path, "w") as file:
        json.dump({"seconds": seconds, "peak_memory": usage.ru_maxrss * 1024, "exit_code": code}, file)


if __name__ == "__main__":
    main()
