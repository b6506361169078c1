"""Launch: what a program keeps in its state folder for its starts, and addresses that let one browser in."""

from __future__ import annotations

import os
import re
import sys

from kali import log
from kali.desktop.files import read, write
from kali.desktop.folders import state_folder
from kali.desktop.ports import LOOPBACK
from kali.errors import KaliError
from kali.http.urls import add_query

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from kali.server.gate import Keys

__all__ = ['AGAIN', 'invite', 'launch_url', 'origin_of', 'remembered_port', 'secret_of', 'state_of']

AGAIN = 'For another browser: {}'
#: Set in a program that `python -m kali run --reload` starts anew after each change.
session: Any = None  # a kali.desktop.reloading.Session
VARIABLE = {'win32': 'LOCALAPPDATA', 'darwin': 'HOME'}.get(sys.platform, 'XDG_STATE_HOME or HOME')
EVERYWHERE = {'0.0.0.0': '127.0.0.1', '::': '[::1]'}  # what leads there from this machine


def state_of(app_id: str | None) -> str:
    """The state folder.

    :raises KaliError: if it cannot be made
    """
    try:
        return state_folder(app_id)
    except OSError as error:
        raise KaliError('The folder for what the program remembers between runs cannot be made '
                        f'({error.filename}: {error.strerror}). Set {VARIABLE} to a folder that can be '
                        'written, or use start=None and no key.') from error


def secret_of(folder: str) -> str:
    """The launch cookie's value: made once, and kept, so that open tabs stay in after a restart."""
    secret = read(os.path.join(folder, 'secret'))  # noqa: PTH118
    if len(secret) != 64:
        secret = os.urandom(32).hex()
        write(folder, 'secret', secret)
    return secret


def remembered_port(folder: str) -> int:
    """The port that worked the last time; 0 if there is none."""
    text = read(os.path.join(folder, 'port'))  # noqa: PTH118
    return int(text) if re.fullmatch('[0-9]{1,5}', text) and int(text) < 65536 else 0


def origin_of(address: str, hosts: tuple[str, ...], port: int) -> str:
    """The beginning of the program's addresses, for a browser on this machine."""
    if address in LOOPBACK:
        return f'http://127.0.0.1:{port}'
    host = EVERYWHERE.get(address) or hosts[0].removesuffix(f':{port}')
    return f'http://{host}:{port}'


def _path(start: str) -> str:
    return start if start.startswith('/') else '/' + start


def launch_url(keys: Keys, origin: str, start: str, key: str | None = None,
               used: Callable[[], object] | None = None) -> str:
    """The address of a page, with a key in it that works once."""
    return origin + add_query(_path(start), {'key': keys.new(key, used=used)})


def invite(keys: Keys, origin: str, start: str, words: str, key: str | None = None) -> None:
    """Print an address that lets one browser in, and another one as soon as it has been used."""
    log.say(words.format(launch_url(keys, origin, start, key, lambda: invite(keys, origin, start, AGAIN))))
