"""Bodies of requests as a browser encodes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kali.http.urls import build_url

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    Fields: TypeAlias = 'Mapping[str, Any] | Iterable[tuple[str, Any]] | None'

__all__ = ['encoded']


def encoded(form: Fields, files: Fields, json: Any, body: bytes | None) -> tuple[str, bytes]:
    """The Content-Type, or nothing, and the bytes of a body: a form (values may be lists), with `files` a
    form in parts, JSON, or the bytes themselves.

    >>> encoded({'tag': ['a', 'b']}, None, None, None)
    ('application/x-www-form-urlencoded', b'tag=a&tag=b')
    """
    if body is not None:
        return '', body
    if json is not None:
        import json as encoder  # few tests need it
        return 'application/json', encoder.dumps(json).encode()
    if files is not None:
        return _multipart([*_pairs(form, (list, tuple)), *_pairs(files, list)])
    if form is not None:
        return 'application/x-www-form-urlencoded', build_url([''], form).partition('?')[2].encode('ascii')
    return '', b''


def _pairs(fields: Fields, several: Any) -> list[tuple[str, Any]]:
    pairs = fields.items() if isinstance(fields, Mapping) else fields or ()
    return [(name, value) for name, values in pairs
            for value in (values if isinstance(values, several) else [values])]


def _multipart(fields: list[tuple[str, Any]]) -> tuple[str, bytes]:
    """A form with files (HTML standard, multipart/form-data encoding algorithm)."""
    boundary = '----kali-testing-boundary-7f3e9a1c'
    body = b''
    for name, value in fields:
        disposition, kind, content = f'form-data; name="{_quote(name)}"', '', value
        if isinstance(value, tuple) or hasattr(value, 'filename'):
            filename, content_type, content = value
            disposition += f'; filename="{_quote(filename)}"'
            kind = f'Content-Type: {content_type}\r\n' if content_type else ''
        else:
            content = str(value).encode()
        head = f'--{boundary}\r\nContent-Disposition: {disposition}\r\n{kind}\r\n'
        body += head.encode() + content + b'\r\n'
    return f'multipart/form-data; boundary={boundary}', body + f'--{boundary}--\r\n'.encode()


def _quote(name: str) -> str:
    return name.replace('"', '%22').replace('\r', '%0D').replace('\n', '%0A')
