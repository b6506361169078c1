"""What PyInstaller has to know about kali. It finds this folder by an entry point (pyproject.toml).

Source: https://pyinstaller.org/en/stable/hooks.html#provide-hooks-with-package
"""

import os


def folders() -> list[str]:
    """The folders with hooks: this one."""
    return [os.path.dirname(__file__)]  # noqa: PTH120
