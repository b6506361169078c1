"""The handbook: Markdown pages, and the small application that shows them, offline, in kali's own look.

`python -m kali docs` opens it. The pages are the files `*.md` here; `reference-….md` and `all.md` are made
from the code by `python -m kali.handbook`, and a test fails if they are out of date.
"""

from kali.handbook.app import handbook

__all__ = ['handbook']
