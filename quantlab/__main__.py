"""Run the command line as ``python -m quantlab``."""

from quantlab.cli import main

if __name__ == "__main__":
    main()
