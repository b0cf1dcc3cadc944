"""Run a sweep in a process of its own, for the tests that kill it."""

import sys

from quantlab.sweep import sweep

if __name__ == "__main__":
    print("started", flush=True)
    sweep(sys.argv[1], progress=False)
