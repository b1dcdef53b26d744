#!/usr/bin/env python
"""The command line of the MiniTwit back office."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    from backoffice.command_line import execute

    execute(sys.argv)


if __name__ == "__main__":
    main()
