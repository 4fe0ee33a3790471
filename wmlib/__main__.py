"""`python -m wmlib`."""

import sys

try:
    from wmlib.cli import main
except KeyboardInterrupt:  # torch takes a second or two to load
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
