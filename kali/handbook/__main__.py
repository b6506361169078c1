"""`python -m kali.handbook`: make the reference and all.md anew, from the code and the pages."""

from pathlib import Path

from kali.handbook.reference import write

if __name__ == '__main__':
    print(*write(Path(__file__).parent) or ['All of it is up to date.'], sep='\n')
