"""The process behind a native window, with a stand-in for pywebview as it was before 5 and as it is now."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from kali.desktop.native import main
from kali.desktop.window import launch_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Event:
    def __init__(self) -> None:
        self.functions: list[Callable[..., object]] = []

    def __iadd__(self, function: Callable[..., object]) -> Event:
        self.functions.append(function)
        return self


class Window:
    def __init__(self, is_new: bool) -> None:
        self.titles: list[str] = []
        self.evaluate_js = {'document.title': 'The page'}.get
        self.set_title = self.titles.append
        if is_new:
            self.events = SimpleNamespace(loaded=Event())
        else:
            self.loaded = Event()


@pytest.mark.parametrize('is_new', [True, False])
@pytest.mark.parametrize('place, bounds', [
    ('', (None, None, 1000, 750)), ('7 -9 640 480', (7, -9, 640, 480))])
def test_it_shows_the_program_where_it_was(tmp_path: Path, is_new: bool, place: str,
                                           bounds: tuple[int | None, ...]) -> None:
    launch_page('http://127.0.0.1:1/?a=1&key=x', str(tmp_path))
    (tmp_path / 'place').write_text(place)
    window, made, started = Window(is_new), [], []

    def create_window(title: str, url: str, **named: Any) -> Window:
        made.append((url, tuple(named[each] for each in ('x', 'y', 'width', 'height'))))
        return window

    def start_now(private_mode: bool = True, storage_path: str = '') -> None:
        started.append((private_mode, storage_path))

    def start_then() -> None:
        started.append(())
    webview = SimpleNamespace(create_window=create_window, start=start_now if is_new else start_then)
    if is_new:
        webview.settings = {}
    main(tmp_path / 'launch.html', webview)
    assert made == [('http://127.0.0.1:1/?a=1&key=x', bounds)]
    assert started == [(False, str(tmp_path / 'native')) if is_new else ()]
    loaded = window.events.loaded if is_new else window.loaded
    loaded.functions[0]()
    assert window.titles == ['The page']
