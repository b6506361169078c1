"""`python -m kali`: what kali can do from a command line. The commands stand in kali/commands/."""

import sys

from kali.commands import main

if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
