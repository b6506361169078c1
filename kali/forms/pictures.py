"""Pictures: files that a record keeps as bytes, shown, kept, replaced or taken away by its form.

What a file is, its first bytes say; its name and its type come from somebody else and prove nothing.
"""

from __future__ import annotations

from binascii import crc32

from kali.forms.elements import attributes_text
from kali.forms.uploads import Upload
from kali.http.limits import size_text
from kali.locale.words import say
from kali.markup import Markup, escape, escape_text

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any

    from kali.http.request import FileUpload
    from kali.iolist import Content
    from kali.multidict import Bag

__all__ = ['Picture', 'picture_type']

# How a picture begins that every browser shows, and that can hold no script.
_PICTURES = ((b'\x89PNG\r\n\x1a\n', 'image/png', 'png'), (b'\xff\xd8\xff', 'image/jpeg', 'jpg'),
             (b'GIF87a', 'image/gif', 'gif'), (b'GIF89a', 'image/gif', 'gif'))


def picture_type(head: bytes) -> tuple[str, str]:
    """The content type and the extension of a picture by its first bytes; ('', '') for anything else.

    >>> picture_type(b'GIF89a')
    ('image/gif', 'gif')
    """
    if head[:4] == b'RIFF' and head[8:12] == b'WEBP':
        return 'image/webp', 'webp'
    found = ((kind, extension) for begin, kind, extension in _PICTURES if head.startswith(begin))
    return next(found, ('', ''))


class _Chosen(list['FileUpload']):
    """The intermediate form: the file that came, if one did; whether the stored one is to go; and which
    version of it the form showed."""

    def __init__(self, uploads: Any = (), *, removed: bool = False, version: str = '', head: bytes = b'',
                 size: int = 0) -> None:
        super().__init__(uploads)
        self.removed, self.version, self.head, self.size = removed, version, head, size


class Picture(Upload):
    """A picture, or another file, that the record keeps as bytes: the form shows it, and keeps it, replaces
    it or takes it away. The native value is a FileUpload if one came, else what is stored, or None.

    :param url: where the stored one is sent from; without it, the form only says that there is one
    :param options: those of Upload

    >>> Picture().value_over(Picture().show(b'GIF89a'), b'GIF89a')
    b'GIF89a'
    """

    keeps = True

    def __init__(self, *, url: str = '', **options: Any) -> None:
        super().__init__(**options)
        self.url = url

    def show(self, value: Any) -> _Chosen:
        if value is None:
            return _Chosen()
        data = value if isinstance(value, bytes) else str(value).encode('utf-8', 'replace')
        return _Chosen(version=f'{crc32(data):08x}{len(data):x}', head=data[:16], size=len(data))

    def read(self, name: str, posted: Bag) -> _Chosen:
        version = posted.get(f'{name}.version', '')
        return _Chosen(super().read(name, posted), removed=posted.get(f'{name}.remove') == '1',
                       version=version if isinstance(version, str) else '')

    def owns(self, name: str, key: str) -> bool:
        return super().owns(name, key) or key in (f'{name}.remove', f'{name}.version')

    def again(self, intermediate: Any, kept: list[Any]) -> _Chosen:
        return _Chosen(kept, removed=intermediate.removed, version=intermediate.version,
                       head=intermediate.head, size=intermediate.size)

    def version(self, intermediate: Any) -> str:
        if len(intermediate):
            return f'{crc32(intermediate[-1].content):08x}{intermediate[-1].size:x}'
        return '' if getattr(intermediate, 'removed', False) else getattr(intermediate, 'version', '')

    def in_words(self, intermediate: Any) -> str:
        return super().in_words(intermediate) or (size_text(intermediate.size) if intermediate.size else '')

    def html(self, name: str, intermediate: Any) -> Content:
        version, head = getattr(intermediate, 'version', ''), getattr(intermediate, 'head', b'')
        control = super().html(name, list(intermediate))
        if not version:
            return control
        shown = ''
        if self.url and not len(intermediate):
            shown = f'<a href="{escape_text(self.url)}"' + (
                f'><img src="{escape_text(self.url)}" alt="{escape(say("stored file"))}" width="160"></a>'
                if picture_type(head)[0] else f' download>{escape(say("stored file"))}</a>')
        checked = ' checked' if getattr(intermediate, 'removed', False) else ''
        was = attributes_text({'type': 'hidden', 'name': f'{name}.version', 'value': version})
        return Markup(f'{control}<p>{shown}<input{was}> <label><input type="checkbox" value="1"{checked} '
                      f'name="{escape_text(name)}.remove"> {escape(say("remove file"))}</label></p>')

    def value(self, intermediate: Any) -> Any:
        return super().value(list(intermediate))

    def value_over(self, intermediate: Any, stored: Any, *, exists: bool = False) -> Any:
        if len(intermediate):
            return self.value(intermediate)
        return None if intermediate.removed else stored
