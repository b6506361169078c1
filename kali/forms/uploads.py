"""Uploads: files that come with a form, kept while something else in the form is corrected.

What is kept is bounded, lies in temporary files that nobody else can open, and ends with the program.
"""

from __future__ import annotations

from kali.errors import ValidationError
from kali.forms.elements import FORM_ID, Element, attributes_text
from kali.http.limits import size_text
from kali.http.request import FileUpload
from kali.http.spool import Spool
from kali.locale.words import say
from kali.markup import Markup, escape, escape_text

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any

    from kali.iolist import Content
    from kali.multidict import Bag

__all__ = ['KEEP', 'KEPT', 'Kept', 'Upload']

#: What the name of the box begins with that says whether a kept file is to be used.
KEEP = '_keep-'


class Kept:
    """The files of forms that still have to be corrected, each by the form's id and the field.

    :param most_files: how many; the oldest goes first
    :param most_bytes: how much of the disk they may take together
    """

    def __init__(self, most_files: int = 40, most_bytes: int = 256 * 1024 * 1024) -> None:
        self.most_files, self.most_bytes = most_files, most_bytes
        self._files: dict[tuple[str, str], list[tuple[FileUpload, Spool]]] = {}

    def put(self, form_id: str, name: str, uploads: list[FileUpload]) -> list[FileUpload]:
        """Keep `uploads` instead of what is kept so far; gives those that are: all of them or none."""
        copies: list[tuple[FileUpload, Spool]] = []
        if len(uploads) <= self.most_files and sum(upload.size for upload in uploads) <= self.most_bytes:
            try:
                copies.extend(map(_copy, uploads))
            except OSError:  # the disk is full, and that is no reason to lose the rest of the form
                copies.clear()
        self._drop((form_id, name))
        if copies:
            self._files[form_id, name] = copies
        while self._too_much():
            self._drop(next(iter(self._files)))
        return [upload for upload, _ in copies]

    def get(self, form_id: str, name: str) -> list[FileUpload]:
        """What is kept for the field of the form, if anything is."""
        return [upload for upload, _ in self._files.get((form_id, name), ())]

    def forget(self, form_id: str) -> None:
        """Give up the files of a form that is saved."""
        for key in [key for key in self._files if key[0] == form_id]:
            self._drop(key)

    def _too_much(self) -> bool:
        sizes = [upload.size for copies in self._files.values() for upload, _ in copies]
        return len(sizes) > self.most_files or sum(sizes) > self.most_bytes

    def _drop(self, key: tuple[str, str]) -> None:
        for _, spool in self._files.pop(key, ()):
            spool.close()


def _copy(upload: FileUpload) -> tuple[FileUpload, Spool]:
    """The upload in a temporary file of its own, since that of its request ends with the request."""
    spool = Spool()
    with upload.open() as source:
        while block := source.read(1 << 16):
            spool.append(block)
    return FileUpload.within(upload.filename, upload.content_type, spool, 0, len(spool)), spool


#: The files of all forms of the running program.
KEPT = Kept()


class Upload(Element):
    """A file, or several: a FileUpload, a list of them with `multiple`, and None if none was chosen.

    :param required: the sentence when no file was chosen, or True for the usual one
    :param multiple: whether it may be several
    :param max_size: the most bytes of one file
    :param accept: kinds of file, as in HTML: `'.pdf,image/*'`. What a file is called or says of itself
        proves nothing about its content.
    """

    takes_files = True

    def __init__(self, *, required: str | bool = '', multiple: bool = False, max_size: int | None = None,
                 accept: str = '', label: str | None = None, help: str = '', **attributes: Any) -> None:
        super().__init__(label=label, help=help, required=bool(required), multiple=multiple,
                         accept=accept or False, **attributes)
        self._required = required
        self.multiple, self.max_size = multiple, max_size
        self.accept = tuple(kind.strip().lower() for kind in accept.split(',') if kind.strip())

    def show(self, value: Any) -> list[Any]:
        return []  # a page cannot put a file into a control

    def read(self, name: str, posted: Bag) -> list[Any]:
        uploads = [upload for upload in posted.get_list(name) if upload and (upload.filename or upload.size)]
        if not uploads and posted.get(KEEP + name) == '1':
            return KEPT.get(posted.get(FORM_ID, ''), name)
        return uploads

    def owns(self, name: str, key: str) -> bool:
        return key in (name, KEEP + name)

    def in_words(self, intermediate: list[Any]) -> str:
        return ', '.join(upload.filename for upload in intermediate)

    def html(self, name: str, intermediate: list[Any]) -> Content:
        """The control; when a form is shown again, `intermediate` is what is kept."""
        attributes = {'type': 'file', **self.attributes, 'name': name, 'id': self.id_for(name)}
        if not intermediate:
            return Markup(f'<input{attributes_text(attributes)}>')
        attributes.pop('required', None)
        sentence = escape(say('kept', name=self.in_words(intermediate)))
        return Markup(f'<input{attributes_text(attributes)}><p><label><input type="checkbox" name="'
                      f'{escape_text(KEEP + name)}" value="1" checked> {sentence}</label></p>')

    def value(self, intermediate: list[Any]) -> Any:
        if self._required and not intermediate:
            raise ValidationError(say('file') if self._required is True else self._required)
        for upload in intermediate:
            if self.max_size is not None and upload.size > self.max_size:
                size, limit = size_text(upload.size), size_text(self.max_size)
                if size == limit:  # nearly
                    size, limit = f'{upload.size} bytes', f'{self.max_size} bytes'
                raise ValidationError(say('file too large', name=upload.filename, size=size, limit=limit))
            if self.accept and not any(_fits(upload, kind) for kind in self.accept):
                raise ValidationError(say('file type', name=upload.filename, accept=', '.join(self.accept)))
        return intermediate if self.multiple else intermediate[-1] if intermediate else None


def _fits(upload: Any, kind: str) -> bool:
    """Whether an upload is of a kind as in HTML's `accept`: `.pdf`, `image/*` or `image/png`."""
    if kind.startswith('.'):
        name: str = upload.filename
        return name.lower().endswith(kind)
    content_type = upload.content_type.partition(';')[0].strip().lower()
    return content_type == kind or (kind.endswith('/*') and content_type.startswith(kind[:-1]))
