"""The ports that Chromium refuses are among those that kali steps over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kali.desktop.ports import BAD_PORTS

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_the_list_is_that_of_the_browser(page: Page) -> None:
    from playwright.sync_api import Error

    def is_refused(port: int) -> bool:
        try:
            page.goto(f'http://127.0.0.1:{port}/', wait_until='commit', timeout=5000)
        except Error as error:
            return 'ERR_UNSAFE_PORT' in str(error)
        return False
    # The standard refuses these two besides, and so do other browsers.
    assert {port for port in sorted(BAD_PORTS - {0}) if not is_refused(port)} <= {4190, 6679}
    assert not any(map(is_refused, (2, 80, 5999, 6001, 6670, 8080, 10081, 49152, 65535)))
