"""The pages of the handbook: where they stand, what they are called, and which of them have some words.

A page is a Markdown file beside this one, or one of three that stand with what they are about. Links in the
files lead to files, so that they work on a code host as well; `address` turns them into addresses here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from kali.errors import TemplateError
from kali.handbook.markdown import Heading, headings, plain

__all__ = ['Found', 'Page', 'about', 'address', 'explain', 'pages', 'picture', 'search']

_ELSEWHERE = {'promises': ('sqlite', 'PROMISES.md'), 'threats': ('server', 'THREATS.md'),
              'inside': ('README.md',)}
_LINK = re.compile(r'\]\(([\w./-]+)\.md(?:#[\w-]+)?\)')


class Page(NamedTuple):
    """One page: its name in the address, its Markdown, and the headings in it."""

    name: str
    text: str
    headings: list[Heading]

    @property
    def title(self) -> str:
        """What stands above it."""
        return next((plain(each.text) for each in self.headings if each.level == 1), self.name)


class Found(NamedTuple):
    """A place with the words that were looked for."""

    url: str
    page: str
    heading: str
    text: str


@lru_cache(1)
def pages() -> dict[str, Page]:
    """All pages by name, in the order in which the first page links to them."""
    here = files('kali.handbook')
    texts = {each.name[:-3]: each.read_text(encoding='utf-8') for each in here.iterdir()
             if each.name.endswith('.md') and each.name != 'all.md'}
    for name, place in _ELSEWHERE.items():
        texts[name] = files('kali').joinpath(*place).read_text(encoding='utf-8')
    order = ['index', *(name_of(found) for found in _LINK.findall(texts['index']))]
    names = dict.fromkeys([*(name for name in order if name in texts), *sorted(texts)])
    return {name: Page(name, texts[name], headings(texts[name])) for name in names}


def name_of(path: str) -> str:
    """The name of the page in a file: `../sqlite/PROMISES` is `promises`.

    >>> name_of('forms'), name_of('../README')
    ('forms', 'inside')
    """
    name = path.rpartition('/')[2].lower()
    return 'inside' if name == 'readme' else name


def address(url: str) -> str:
    """The address of what a link in a page leads to.

    >>> address('forms.md#pictures'), address('index.md'), address('errors.md#port-in-use'), address('#here')
    ('forms#pictures', './', 'error-port-in-use', '#here')
    """
    file, mark, anchor = url.partition('#')
    if not file.endswith('.md') or '://' in url:
        return url
    name = name_of(file[:-3])
    if name == 'errors' and anchor:
        return f'error-{anchor}'
    return ('./' if name == 'index' else name) + mark + anchor


def picture(name: str) -> bytes | None:
    """A picture of the handbook."""
    place = files('kali.handbook').joinpath(name)
    return place.read_bytes() if re.fullmatch(r'[\w-]+\.png', name) and place.is_file() else None


def search(words: str, most: int = 30) -> list[Found]:
    """The places with all of the words, without case, the likeliest first: a word in the heading counts for
    more than one in the text."""
    wanted = words.casefold().split()
    scored = []
    for number, page in enumerate(pages().values() if wanted else ()):
        for each in page.headings:
            heading, text = plain(each.text), '\n'.join(each.lines)
            title, body = f'{page.title} {heading}'.casefold(), text.casefold()
            if all(word in title or word in body for word in wanted):
                score = sum(20 * (word in heading.casefold()) + 8 * (word in title) + min(body.count(word), 5)
                            for word in wanted) - 10 * page.name.startswith('reference')
                url = f'{page.name}.md' + (f'#{each.anchor}' if each.level > 1 else '')
                found = Found(address(url), page.title, heading, _around(text, wanted))
                scored.append((-score, number, found))
    return [found for _, _, found in sorted(scored, key=lambda each: each[:2])[:most]]


def _around(text: str, words: list[str]) -> str:
    """A line of the text about the first of the words."""
    text = ' '.join(plain(re.sub(r'^[#>|\s-]+|```.*$|\|$', ' ', text, flags=re.MULTILINE)).split())
    at = max(0, min((place for word in words if (place := text.casefold().find(word)) >= 0), default=0) - 60)
    return ('… ' if at else '') + text[at:at + 200] + (' …' if len(text) > at + 200 else '')


@lru_cache(1)
def _messages() -> list[tuple[re.Pattern[str], str]]:
    """The beginnings of kali's error messages, and the section of the page `errors` that explains each."""
    found = []
    for each in pages()['errors'].headings:
        for line in each.lines:
            if line.startswith('> - '):
                parts = map(re.escape, plain(line[4:]).rstrip('…').split('…'))
                found.append((re.compile('.*?'.join(parts), re.DOTALL), each.anchor))
    return sorted(found, key=lambda each: -len(each[0].pattern))


def about(error: BaseException) -> str | None:
    """The name of the page about an error; None if there is none, or if what was asked for is just not there.
    """
    if isinstance(error, TemplateError):
        return 'error-a-mistake-in-a-template'
    return explain(str(error)) if getattr(error, 'status', 500) != 404 else None


def explain(message: str) -> str | None:
    """The name of the page that explains an error message; None if there is none.

    >>> explain('A GET may not write: browsers repeat it and fetch it ahead.')
    'error-a-get-may-not-write'
    """
    return next((f'error-{anchor}' for pattern, anchor in _messages() if pattern.match(message)), None)
