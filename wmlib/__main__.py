"""`python -m wmlib`."""

import sys

from wmlib.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
