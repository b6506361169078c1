"""A folder of template files: read when first named, kept, and read again when they have changed.

A template depends on every file that went into it, bases and includes too; if one of them
changes, it is made anew, and a broken file is an error each time it is asked for until it is repaired.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from kali.errors import TemplateError
from kali.http.around import Around
from kali.templates.syntax import Fragment, Source, assemble, nearest, parse, sections
from kali.templates.template import Template, TemplateLoop, all_filters

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any

    from kali.templates.syntax import Filter, Tree

__all__ = ['TemplateFolder', 'check']


class TemplateFolder:
    """The templates in a folder, by the names of their files: `folder('page')`.

    :param path: the folder.
    :param extension: what the files' names end with.
    :param filters: filters for all of them, beside those in `Template.REGISTRY`.
    :raises NotADirectoryError: if there is no such folder.

    A file is a template, or `<extend>base <?title?>… <?body?>…</extend>`, or
    `<loop>preamble <?begin?>row <?end?>epilogue <?else?>none</loop>`.
    """

    def __init__(self, path: str | os.PathLike[str], extension: str | None = '.tpl', *,
                 filters: Mapping[str, Filter] | None = None) -> None:
        self.folder = Path(path)
        if not self.folder.is_dir():
            raise NotADirectoryError(f'there is no folder of templates at {self.folder}')
        self.extension = extension or ''
        self.filters = filters
        self._made: dict[str, tuple[Any, dict[Path, object]]] = {}

    def __call__(self, name: str) -> Any:
        """The Template or TemplateLoop in the file `name`.

        :raises FileNotFoundError: if there is no such file in the folder.
        :raises TemplateError: if it, or a file that it needs, has a mistake.
        """
        try:
            return self._made[name][0]
        except KeyError:
            reader = _Reader(self)
            made = reader.read(name)
            self._made[name] = made, reader.stamps
            return made

    def refresh(self) -> None:
        """Forget the templates whose files have changed."""
        seen: dict[Path, object] = {}
        for name, (_, stamps) in list(self._made.items()):
            for path, stamp in stamps.items():
                if path not in seen:
                    seen[path] = _stamp(path)
                if seen[path] != stamp:
                    del self._made[name]
                    break

    def invalidate_cache(self) -> None:
        """Forget all templates."""
        self._made.clear()

    def wrap(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """`handler`, with a look at the files before each request, so that an edit shows when a page is
        reloaded."""
        def refreshed(request: Any) -> Any:
            self.refresh()
            return handler(request)

        return Around(handler, refreshed)

    def names(self) -> list[str]:
        """The names of all templates in the folder and the folders in it."""
        files = (path for path in self.folder.rglob('*' + self.extension) if path.is_file())
        return sorted(path.relative_to(self.folder).as_posix().removesuffix(self.extension) for path in files)

    def path(self, name: str) -> Path:
        """The file of a template.

        :raises FileNotFoundError: for a name that leads out of the folder.
        """
        parts = name.split('/')
        if not name or any(part in ('', '.', '..') for part in parts) or set(name) & set('\\:\0'):
            raise FileNotFoundError(f'{name!r} is no name of a template: give the path of a file below '
                                    f'{self.folder}')
        return self.folder.joinpath(*parts[:-1], parts[-1] + self.extension)


def check(folder: str | os.PathLike[str], extension: str = '.tpl',
          filters: Mapping[str, Filter] | None = None) -> list[str]:
    """The mistakes in the templates of a folder, and what looks like one, as `file:line:column: message`.

    A folder with no template of its own holds the folders of several applications: each is checked by itself.
    """
    errors: dict[str, None] = {}  # an ordered set: a broken base is named once
    for root in _roots(Path(folder), extension):
        templates = TemplateFolder(root, extension, filters=filters)
        for name in templates.names():
            try:
                errors.update(dict.fromkeys(templates(name).program.remarks))
            except TemplateError as error:
                errors[str(error)] = None
            except (OSError, ValueError) as error:
                errors[f'{templates.path(name)}:1:1: {error}'] = None
    return list(errors)


def _roots(folder: Path, extension: str) -> list[Path]:
    """`folder` if there is a template in it, else such folders below it."""
    inside = sorted(folder.iterdir())
    if any(path.name.endswith(extension) and path.is_file() for path in inside):
        return [folder]
    folders = [path for path in inside if path.is_dir() and not path.name.startswith('.')]
    return [root for path in folders for root in _roots(path, extension)]


def _stamp(path: Path) -> object:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


class _Reader:
    """Reads one template with all that it needs."""

    def __init__(self, folder: TemplateFolder) -> None:
        self.folder = folder
        self.filters = all_filters(folder.filters)
        self.stamps: dict[Path, object] = {}
        self.trees: dict[str, Tree] = {}
        self.open: list[str] = []

    def read(self, name: str) -> Template | TemplateLoop:
        """The template in the file `name`."""
        source = self.source(name)
        self.open.append(name)
        start = _start(source.text)
        if source.text.startswith('<loop>', start):
            return TemplateLoop.of_trees(**self.loop(source, start + len('<loop>')))
        return Template.of_tree(self.whole(source, start), self.folder.filters)

    def tree(self, name: str) -> Tree:
        """The tree of a file that another one names."""
        if name in self.open:
            raise FileNotFoundError(f'{" needs ".join([*self.open[self.open.index(name):], name])}: '
                                    'a template cannot be in itself')
        if name not in self.trees:
            source = self.source(name)
            start = _start(source.text)
            if source.text.startswith('<loop>', start):
                raise FileNotFoundError(f'{name} is a <loop>, which needs items: call folder({name!r})'
                                        '.loop(items) in Python and give the result to the template')
            self.open.append(name)
            self.trees[name] = self.whole(source, start)
            self.open.pop()
        return self.trees[name]

    def whole(self, source: Source, start: int) -> Tree:
        if source.text.startswith('<extend>', start):
            return self.extension(source, start + len('<extend>'))
        return parse(source, self.filters, self.tree)

    def source(self, name: str) -> Source:
        path = self.folder.path(name)
        self.stamps[path] = _stamp(path)  # before reading: a change in between is seen by the next look
        try:
            text = path.read_bytes().decode('utf-8-sig')
        except FileNotFoundError:
            known = nearest(name, self.folder.names())
            raise FileNotFoundError(f'there is no template {name!r} in {self.folder.folder}{known}') from None
        except UnicodeDecodeError as error:
            sound = error.object[:error.start].decode()
            raise Source(sound, str(path)).error(f'the file is not UTF-8 ({error.reason}): save it as UTF-8',
                                                 len(sound)) from None
        return Source(text.replace('\r\n', '\n'), str(path))

    def extension(self, source: Source, start: int) -> Tree:
        end = _end(source, '</extend>')
        first = source.text.find('<?', start, end)
        first = end if first < 0 else first
        base_name = source.text[start:first].strip()
        try:
            base = self.tree(base_name)
        except FileNotFoundError as error:
            raise source.error(f'<extend>{base_name}: {error.args[-1]}', start) from None
        parts = sections(source, first, end, self.filters, self.tree)
        del parts[None]
        where = {name: at for name, (at, _) in parts.items() if name}
        return assemble(base, {name: part for name, (_, part) in parts.items() if name}, source, where)

    def loop(self, source: Source, start: int) -> dict[str, Tree]:
        parts = sections(source, start, _end(source, '</loop>'), self.filters, self.tree, ('else', 'end'))
        for name, (at, _) in parts.items():
            if name not in (None, 'begin', 'end', 'else'):
                raise source.error(f'a <loop> has no <?{name}?>: its sections are <?begin?>, <?end?> and '
                                   '<?else?>', at)
        if 'begin' not in parts:
            raise source.error('a <loop> needs a <?begin?>: what follows it is repeated for each item', start)
        nothing = start, Fragment(source, [])
        keys = {'preamble': None, 'body': 'begin', 'epilogue': 'end', 'otherwise': 'else'}
        return {part: parts.get(key, nothing)[1] for part, key in keys.items()}


def _start(text: str) -> int:
    return len(text) - len(text.lstrip())


def _end(source: Source, mark: str) -> int:
    """Where the closing `mark`, which may be left out, stands."""
    at = source.text.rfind(mark)
    if at >= 0 and source.text[at + len(mark):].strip():
        raise source.error(f'nothing may follow {mark}', at + len(mark))
    return at if at >= 0 else len(source.text)
