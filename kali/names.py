"""names: how a package shows its public names in a shell and an editor.

`dir(package)` is the public names and nothing else. `help(package)` is its docstring, which names them all:
pydoc would print every class in full, thousands of lines, so it is shown none; `help(package.Name)` has the
rest.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ['listed']


def listed(names: list[str]) -> Callable[[], list[str]]:
    """A `__dir__` for a module with these public names."""
    def directory() -> list[str]:
        frame: FrameType | None = sys._getframe(1)
        for _ in range(3):  # pydoc asks inspect, which asks dir()
            if frame is not None:
                if frame.f_globals.get('__name__') == 'pydoc':
                    return []
                frame = frame.f_back
        return sorted(names)
    return directory
