"""importing: the pages of an import: a file or pasted cells, what kali makes of them, and what came of it.

The first page takes the file. The second shows how it seems to be written and where its columns go, all of
which can be changed, and the first rows as they would be stored. Import starts a job (loading.py), whose page
tells how far it is, and in the end what was added, and which rows were bad. Where there is no table for the
file, one is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from kali.errors import KaliError, NotFound
from kali.forms.uploads import KEPT
from kali.http.request import FileUpload
from kali.http.response import Response
from kali.live.job import Progress
from kali.locale import current
from kali.locale.words import say
from kali.markup import Markup
from kali.records.cells import DELIMITERS, ENCODINGS, NoCells
from kali.records.loading import Load
from kali.records.pickers import field, select
from kali.records.plan import Plan
from kali.records.section import Program, Section
from kali.records.values import DATES, KINDS, convert
from kali.records.wishes import SHOWN, Wish, columns_of, keys_of, plan_for_new, plan_for_table, read_wish

if TYPE_CHECKING:
    from collections.abc import Generator

    from kali.http.request import Request
    from kali.iolist import Content
    from kali.routing.router import Router

__all__ = ['mount', 'mount_new']

CHOICES = 400  # columns of a file that can be chosen one by one: a form has a thousand fields at most


def mount(router: Router, section: Section) -> None:
    """Put the import into a table on its router."""
    pages = _Pages(section.records, section)
    router.get('/import')(pages.first)
    router.post('/import')(pages.answer)


def mount_new(router: Router, records: Program) -> None:
    """Put the import of a file that becomes a table, and the files of bad rows, on the router of the Records.
    """
    pages = _Pages(records, None)
    router.get('/import')(pages.first)
    router.post('/import')(pages.answer)
    router.get('/import/bad/*')(_bad_rows)


def _bad_rows(request: Request, kept: str) -> Any:
    """The bad rows of an import, as a file."""
    found = KEPT.get(kept, 'bad')
    if not found:
        raise NotFound(say('import gone'))
    return Response.download(found[0].content, found[0].filename)


class _Pages:
    """The pages of the import into a table; into a new one if there is no section."""

    def __init__(self, records: Program, section: Section | None) -> None:
        self.records, self.section = records, section

    def first(self, request: Request) -> Any:
        """The page that takes a file."""
        return self._first(request)

    def answer(self, request: Request) -> Any:
        """The second page, or the start of the import."""
        self._expect_writable()
        try:
            wish = read_wish(request, self.section)
        except NoCells as error:
            return self._first(request, str(error))
        if self.section is not None:
            (plan, wrong), where = plan_for_table(wish, self.section), self.section.table.name
        else:
            plan, where, wrong = plan_for_new(wish, self.records)
        if request.form.get('do') != 'import' or wrong:
            return self._second(wish, request, plan, where, wrong if wish.fields else '')
        transaction = request.scope.transaction
        answer = transaction.once(wish.kept, again=True) if transaction is not None else None
        load = Load(self.records.connection, self.section.table if self.section else where, wish.upload, plan)
        title = f'{say("import")}: {wish.upload.filename}'
        return answer or self.records.jobs.start(request, self._work(load, wish.kept, where), title=title)

    def _expect_writable(self) -> None:
        reason = self.section.read_only if self.section else self.records.read_only
        if reason:
            raise KaliError(reason, status=403)

    def _heading(self, name: str) -> str:
        return self.section.heading(name) if self.section else name

    # The pages.

    def _page(self, request: Request, content: Content, status: int = 200) -> Response:
        title = f'{say("import")}: {self.section.title}' if self.section else say('import new')
        return self.records.shell.page(request, title, content, status=status)

    def _first(self, request: Request, wrong: str = '') -> Response:
        self._expect_writable()
        return self._page(request, [
            _alert(wrong), Markup('<form method="post" enctype="multipart/form-data">\n'),
            field('file', say('import file'), Markup(
                '<input type="file" name="file" id="file" accept=".csv,.tsv,.tab,.txt,text/*">')),
            field('cells', say('import paste'),
                   Markup('<textarea name="cells" id="cells" rows="6"></textarea>')),
            Markup('<p class="buttons"><button name="do" value="preview">{}</button></p></form>\n').format(
                say('preview'))], 422 if wrong else 200)

    def _second(self, wish: Wish, request: Request, plan: Plan, where: str, wrong: str) -> Response:
        start = Markup('<form method="post">\n<input type="hidden" name="kept" value="{}">'
                       '<p>{}</p>\n').format(wish.kept, say('import about', file=wish.upload.filename))
        name = Markup('<input name="table" id="table" value="{}">').format(where)
        buttons = Markup('<p class="buttons"><button name="do" value="preview" class="secondary">{}</button> '
                         '<button name="do" value="import">{}</button> <a href="">{}</a></p>\n</form>\n'
                         ).format(say('preview'), say('import'), say('import another'))
        return self._page(request, [
            _alert(wrong), start, '' if self.section else field('table', say('import table'), name),
            _headed('import written'), self._format(wish), _headed('import columns'),
            self._columns(wish, plan), self._rules(plan), buttons, _headed('import first rows'),
            self._preview(wish, plan)], 422 if wrong else 200)

    def _format(self, wish: Wish) -> Content:
        """How the file is written."""
        form, days = wish.form, ('2026-02-28', '28.02.2026', '02/28/2026')
        marks = {each: 'Tab' if each == '\t' else each for each in DELIMITERS}
        return [
            Markup('<div class="columns">'),
            _choice('encoding', say('import encoding'), ENCODINGS, form.encoding),
            _choice('delimiter', say('import delimiter'), marks, form.delimiter),
            _choice('header', say('import header'), {'1': say('yes'), '0': say('no')}, str(int(form.header))),
            _choice('decimal', say('import decimal'), {'.': '1.50', ',': '1,50'}, form.decimal),
            _choice('dates', say('import dates'), dict(zip(DATES, days, strict=True)), form.dates),
            Markup('</div>\n')]

    def _rules(self, plan: Plan) -> Content:
        """What is done with rows that are there already, and with bad ones."""
        keys = keys_of(self.section) if self.section else [(), *((each.column,) for each in plan.targets)]
        names = {str(number): ' + '.join(map(self._heading, key)) or say('import no key')
                 for number, key in enumerate(keys)}
        bad = {'nothing': say('import careful'), 'others': say('import others')}
        existing = {'update': say('import update'), 'skip': say('import skip')}
        return [
            Markup('<div class="columns">'),
            _choice('key', say('import key'), names, str(keys.index(plan.key) if plan.key in keys else 0)),
            _choice('existing', say('import existing'), existing, plan.existing) if self.section else '',
            _choice('bad', say('import if bad'), bad, 'nothing' if plan.careful else 'others'),
            Markup('</div>\n')]

    def _columns(self, wish: Wish, plan: Plan) -> Content:
        """Where each column of the file goes."""
        if len(wish.names) > CHOICES:
            return Markup('<p>{}</p>\n').format(say('import many', count=len(wish.names)))
        to = {each.place: each for each in plan.targets}
        options = {'': say('import leave')}
        if self.section is not None:
            options |= {name: self.section.heading(name)
                        for name in dict.fromkeys(columns_of(self.section).values())}
        lines: list[Content] = []
        for place, name in enumerate(wish.names):
            target = to.get(place)
            if self.section is not None:
                control = select(f'to.{place}', options, target.column if target else '',
                                  f'{name} {say("import goes to")}')
            else:
                kinds = {**{kind: say(f'kind {kind}') for kind in KINDS}, '-': options['']}
                control = Markup('<input name="name.{}" value="{}" aria-label="{} {}"> ').format(
                    place, target.column if target else name, name, say('import goes to')) + select(
                        f'kind.{place}', kinds, target.kind if target else '-',
                        f'{name}: {say("import kind")}')
            values = ', '.join(_short(row[place]) for _, row in wish.head[:50]
                               if len(row) > place and row[place])[:60]
            lines.append(Markup('<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>\n').format(
                name, values, control))
        return [_table('import of file', 'import first values', 'import goes to'), lines, _END]

    def _preview(self, wish: Wish, plan: Plan) -> Content:
        """The first rows as they would be stored, and what is wrong with them."""
        head = wish.head[:SHOWN]
        columns = []
        for target in plan.targets:
            cells = [row[target.place] if len(row) > target.place else '' for _, row in head]
            columns.append((cells, *convert(target.kind, cells, wish.form)))
        body = []
        for number, (line, _) in enumerate(head):
            tds = [Markup('<td><mark>{}</mark></td>').format(wrong[number]) if number in wrong
                   else Markup('<td>{}</td>').format(_short(values[number]))
                   for cells, values, wrong in columns]
            body.append(Markup('<tr><th scope="row">{}</th>{}</tr>\n').format(line, Markup('').join(tds)))
        heads = Markup('').join(Markup('<th>{}</th>').format(self._heading(each.column))
                                for each in plan.targets)
        return Markup('<div class="scroll" role="region" tabindex="0" aria-label="{}"><table><thead><tr>'
                      '<th>{}</th>{}</tr></thead><tbody>\n{}</tbody></table></div>\n').format(
            say('import first rows'), say('line'), heads, Markup('').join(body))

    # The job.

    def _work(self, load: Load, kept: str, name: str) -> Generator[Progress, None, Content]:
        """The import, and what came of it."""
        yield from load.run()
        if load.report is not None:
            stem = load.source.filename.rpartition('.')[0] or load.source.filename
            file = f'{stem} ({say("import bad").lower()}).csv'
            with closing(load.report) as report:
                KEPT.put(kept, 'bad', [FileUpload.within(file, 'text/csv', report, 0, len(report))])
        number = current().number
        counts = {'import added': load.added, 'import changed': load.changed, 'import same': load.same,
                  'import skipped': load.skipped, 'import bad': load.bad}
        facts = [Markup('<dt>{}</dt><dd>{}</dd>').format(say(word), number(count))
                 for word, count in counts.items() if count or word == 'import added']
        parts: list[Content] = [] if load.done else [_alert(say('import nothing', count=number(load.bad)))]
        parts += [Markup('<dl>'), facts, Markup('</dl>\n')]
        if load.report is not None:
            more = load.bad - len(load.complaints)
            rows = [Markup('<tr><th scope="row">{}</th><td>{}</td></tr>\n').format(*each)
                    for each in load.complaints]
            parts += [
                Markup('<p><a href="{}" download>{}</a></p>\n').format(
                    self.records.url('import', 'bad', kept), say('import bad link')),
                _table('line', 'reason'), rows, _END,
                Markup('<p>{}</p>\n').format(say('import more', count=number(more))) if more else '']
        if load.done or self.section:
            parts.append(Markup('<p><a class="button" href="{}">{}</a></p>\n').format(
                self.records.url('table', name, ''), say('import list')))
        return parts


_END = Markup('</tbody></table>\n')


def _table(*words: str) -> Markup:
    heads = (Markup('<th>{}</th>').format(say(word)) for word in words)
    return Markup('<table><thead><tr>{}</tr></thead><tbody>\n').format(Markup('').join(heads))


def _headed(word: str) -> Markup:
    return Markup('<h2>{}</h2>\n').format(say(word))


def _short(value: Any) -> str:
    text = '' if value is None else str(value)
    return text if len(text) <= 60 else f'{text[:59]}…'


def _alert(text: str) -> Markup:
    return Markup('<p role="alert" class="errors">{}</p>\n').format(text) if text else Markup('')


def _choice(name: str, label: str, options: Mapping[str, str], chosen: str) -> Markup:
    return field(name, label, select(name, options, chosen))
