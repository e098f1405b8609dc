"""Runs a module as a program that ends with the one who started it: when standard input closes, so does this.

python -m hybridml.onboarding.leashed MODULE [ARGUMENT …]
"""

from __future__ import annotations

import os
import runpy
import sys
import threading


def _end_with_the_starter() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


def main() -> None:
    """Runs the module that the arguments name, watched."""
    del sys.argv[0]
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
