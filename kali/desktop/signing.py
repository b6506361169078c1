"""Signing: text that goes out to the browser and must come back as it was.

A cookie, or a hidden field of a form, can be changed by whoever sits at the browser. A Signer adds a code
that only this application can make, so that a change shows. It hides nothing: what is signed can be read. The
key is made once and kept in the application's state folder. Source: RFC 2104 (HMAC), with SHA-256.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode

from kali import log
from kali.desktop.folders import state_folder
from kali.desktop.window import write_private

__all__ = ['Signer']

KEY_BYTES = 32


class Signer:
    """Signs texts, and tells those that it has signed from all others.

    :param app_id: names the application's folders, as for `serve_http`; the key is in its state folder, in a
        file that only this user can read
    :param key: a key to use instead, at least 32 bytes that nobody can guess
    :raises ValueError: for a shorter key

    >>> signer = Signer(key=bytes(range(32)))
    >>> cookie = signer.sign('role', 'clerk')
    >>> signer.read('role', cookie)
    'clerk'
    >>> signer.read('role', cookie.replace('Y', 'Z', 1)) is None, signer.read('user', cookie) is None
    (True, True)

    In a handler, `page.set_cookie('role', signer.sign('role', 'clerk'))`, and later
    `signer.read('role', request.cookies.get('role'))`.
    """

    def __init__(self, app_id: str | None = None, *, key: bytes | None = None) -> None:
        if key is not None and len(key) < KEY_BYTES:
            raise ValueError(f'the key has {len(key)} bytes; it must have at least {KEY_BYTES}')
        self._key = _kept_key(app_id) if key is None else key

    def sign(self, name: str, text: str) -> str:
        """`text` with a code, good as the value of a cookie or field.

        :param name: what it is for, the cookie's name mostly: what is signed for one place is worth nothing
            in another
        :raises ValueError: if `text` is not Unicode (it has surrogates in it)
        """
        payload = urlsafe_b64encode(text.encode()).decode().rstrip('=')
        return f'{payload}.{self._code(name, payload)}'

    def read(self, name: str, signed: str | None) -> str | None:
        """The text that was signed for `name`; None if there is none, or it is not as it was.

        An old one is as good as a new one: where that matters, put the date into the text.
        """
        from hmac import compare_digest  # 4 MB that only who uses it pays
        payload, _, code = (signed or '').rpartition('.')
        if not code.isascii() or not compare_digest(code, self._code(name, payload)):
            return None
        return urlsafe_b64decode(payload + '=' * (-len(payload) % 4)).decode()

    def _code(self, name: str, payload: str) -> str:
        from hmac import digest  # see read
        # The length keeps apart what would look the same put together: 'a' and 'bc', 'ab' and 'c'.
        message = f'{len(name)}:{name}{payload}'.encode('utf-8', 'surrogatepass')
        return urlsafe_b64encode(digest(self._key, message, 'sha256')).decode().rstrip('=')


def _kept_key(app_id: str | None) -> bytes:
    """The application's key, made when it is first asked for."""
    path = os.path.join(state_folder(app_id), 'signing-key')  # noqa: PTH118
    key = _read(path)
    if len(key) == KEY_BYTES:
        return key
    key = os.urandom(KEY_BYTES)
    try:
        write_private(path, key.hex())
    except OSError as error:
        log.warning('cannot keep the key for signing in %s, so what is signed now is worthless after the end '
                    'of the program: %s', path, str(error))
        return key
    return _read(path) or key  # another process may have been quicker


def _read(path: str) -> bytes:
    try:
        with open(path, encoding='ascii') as file:  # noqa: PTH123
            key = bytes.fromhex(file.read(1000).strip())
        if os.name == 'posix':
            os.chmod(path, 0o600)  # noqa: PTH101  # it may come from a backup that lost its rights
    except (OSError, ValueError):
        return b''
    return key
