"""The process behind a window of the kind 'native': pywebview, which wants the main thread of a process.

It is run as `python -m kali.desktop.native PAGE`. It gets the launch page, not the address, since others can
see the arguments of a process, and ends with 0 when its window is closed.

Source: https://pywebview.flowrl.com/api/
"""

from __future__ import annotations

import re
import sys
from html import unescape
from inspect import signature
from pathlib import Path
from typing import Any

__all__ = ['address_in', 'main']


def address_in(page: str) -> str:
    """The address that a launch page leads to.

    >>> address_in('<p><a href="http://127.0.0.1:1/?a=1&amp;key=x">Open</a></p>')
    'http://127.0.0.1:1/?a=1&key=x'
    """
    found = re.search('href="([^"]+)"', page)
    return unescape(found[1]) if found else ''


def main(page: Path, webview: Any) -> None:
    """Show the program that `page` leads to until the window is closed.

    :param webview: the module of pywebview
    """
    place = [int(each) for each in _read(page.with_name('place')).split()]
    x, y, width, height = place if len(place) == 4 else (None, None, 1000, 750)
    if hasattr(webview, 'settings'):  # since 5.0
        webview.settings['ALLOW_DOWNLOADS'] = True
    window = webview.create_window(page.parent.name, address_in(_read(page)), x=x, y=y, width=width,
                                   height=height, text_select=True)

    def show_title(*arguments: Any) -> None:
        window.set_title(window.evaluate_js('document.title') or '')
    events = getattr(window, 'events', window)  # the older ones have them there
    events.loaded += show_title
    webview.start(**_kept(webview, page))


def _kept(webview: Any, page: Path) -> dict[str, Any]:
    """Where cookies and drafts are kept, as far as this version of pywebview can."""
    offered = signature(webview.start).parameters
    wanted = {'private_mode': False, 'storage_path': str(page.with_name('native'))}
    return {name: value for name, value in wanted.items() if name in offered}


def _read(path: Path) -> str:
    return path.read_text(encoding='utf-8') if path.is_file() else ''


if __name__ == '__main__':
    import webview  # type: ignore[import-not-found]  # the extra
    main(Path(sys.argv[1]), webview)
