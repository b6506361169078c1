"""Running a script as Python does, but in this process: `python -m kali run FILE`, and a packed program."""

from __future__ import annotations

import os
import sys
from types import ModuleType

__all__ = ['run_script']


def run_script(path: str, arguments: list[str], **names: str) -> ModuleType:
    """Run the file as the main module, to its end. What it raises comes through.

    :param arguments: for `sys.argv`, after the script's path
    :param names: further names of the module, such as `__app_id__`
    :raises OSError: if it cannot be read
    """
    path = os.path.abspath(path)  # noqa: PTH100
    with open(path, 'rb') as file:  # noqa: PTH123
        code = compile(file.read(), path, 'exec', dont_inherit=True)
    module = ModuleType('__main__')
    vars(module).update(names, __file__=path)
    sys.modules['__main__'] = module
    sys.argv = [path, *arguments]
    sys.path.insert(0, os.path.dirname(path))  # noqa: PTH120
    exec(code, module.__dict__)
    return module
