"""A datebook for the office: contacts, appointments and tasks, kept in a file in your own data folder.

This lesson puts everything together: an SQLite file that loses nothing, pages made of templates, forms that
keep what was typed, and lists that stay quick when there are many records. It goes from the file at the
bottom to the pages on top; each part rests on those before it. The pages themselves are in
templates/datebook, the tables in datebook.sql.
"""

import sqlite3
import sys
from collections.abc import Iterable
from datetime import date, timedelta
from enum import Enum
from typing import Any

from kali import (
    DatabaseError,
    Request,
    Response,
    Router,
    Shell,
    TemplateFolder,
    data_dir,
    forms,
    resource,
    serve_http,
)
from kali.records import Records
from kali.sqlite import backup, connect, guard, undo
from kali.sqlite.schema import tables

# THE FILE. Data belongs in the user's own data folder (on Linux ~/.local/share/datebook), never beside the
# program, which may be write-protected, or replaced by a newer one. What the program brings along does lie
# beside it, and `resource` finds it there, packed or not. A file that is locked, or damaged, or no database
# at all is no reason for a traceback: the error says in a sentence what is wrong and what to do.
try:
    db = connect(data_dir('datebook') / 'datebook.sqlite')
    db.executescript(resource('datebook.sql').read_text(encoding='utf-8'))
except (DatabaseError, sqlite3.Error, OSError) as error:
    sys.exit(f'The datebook cannot be opened. {error}')


# SECOND THOUGHTS. Two things have to be there before they are needed. The history lets each change be taken
# back, and done again. It is given all tables that belong together: with a contact that was deleted by
# mistake, the appointments get back their "with whom". And the backups are made without anybody thinking of
# them. Each is a page as well, which is mounted further below.
history = undo(db, ['contact', 'appointment', 'task'])
backups = backup(db)


# THE TABLES are values, read from the file's own schema. `table['contact'].get(7)` is the contact with that
# number, or else a 404 page that says what was not found; `rows`, `count`, `insert`, `update` and `delete`
# are what their names say. Only names written in this file get into the text of a statement; what somebody
# typed always goes beside it, as a parameter.
table = tables(db)


# PAGES IN GENERAL. What is the same on each page is said once: the shell is the frame around all of them.
# Those that kali makes by itself (an error, the backups) stand in it too, so that nobody seems to have left
# the program.
app = Router()
app.delegate('/undo', history)
app.delegate('/backups', backups)
tpl = TemplateFolder(resource('templates/datebook'))
shell = Shell('Datebook', [('This week', '/'), ('Contacts', '/contact/'), ('Appointments', '/appointment/'),
                           ('Tasks', '/task/'), ('All of it', '/all/'), ('Backups', '/backups')],
              head=tpl('head')(), tools=lambda request: history.buttons('/undo'))

# ALL OF IT, to look through, filter, draw, print and export, needs no page of our own: Records makes them
# from the tables. Here they are for reading, as a contact has a column that only this program fills.
app.delegate_folder('/all/', Records(db, shell=shell, history=history, backups=False, read_only=(
    'Things are changed on the pages for them.'), tables=['contact', 'appointment', 'task']).router)

# After a save the browser is redirected, so that a reload does not save again. What there is to say goes
# along in the address, by a keyword: were it the sentence itself, a link could make this program say
# anything.
NOTICES = {'saved': 'Saved.', 'deleted': 'Deleted.', 'done': 'Done, and off the list.',
           'open': 'Back on the list.'}


def show(request: Request, title: str, name: str, *, notice: str = '', **values: Any) -> Response:
    """The page with this title, whose content is made by the template `name`."""
    return shell.page(request, title, tpl(name)(**values), notice=NOTICES.get(notice))


# Each change has a title, which the undo button shows: "Undo: Add Ada Lovelace".
TITLES = {'contact': 'name', 'appointment': 'note', 'task': 'title'}


def entitle(request: Request, did: str, name: str, record: Any) -> None:
    request.scope.transaction.title = f'{did} {record[TITLES[name]]}'


# LISTS. Nobody reads fifty thousand rows, and no browser shows them gladly. So a list comes in pages, and of
# each page SQLite reads the rows that are on it, in the order of an index.
PAGE = 50


def turn(page: int, total: int, target: Any, **query: Any) -> dict[str, Any]:
    """Where page `page` (or the nearest there is) stands in a list, with links to the pages around it."""
    page = max(1, min(page, -(-total // PAGE)))
    before = (page - 1) * PAGE
    return {'before': before, 'first': before + 1, 'last': min(before + PAGE, total), 'total': total,
            'previous': app.url_for(target, **query, page=page - 1) if page > 1 else None,
            'next': app.url_for(target, **query, page=page + 1) if before + PAGE < total else None}


def in_words(day: str) -> str:
    """A date as people say it."""
    when = date.fromisoformat(day)
    near = {-1: 'Yesterday', 0: 'Today', 1: 'Tomorrow'}.get((when - date.today()).days)
    year = '' if when.year == date.today().year else f' {when.year}'
    return near or f'{when:%a} {when.day} {when:%b}{year}'


# The arguments of an address are the keyword arguments of the function, converted by their annotations. An
# address like /contact/?page=two is answered with 400 and the reason, before this function is called.
@app.function('/contact/')
def contacts(request: Request, *, q: str = '', page: int = 1, draft: int | None = None, notice: str = ''):
    """The contacts in which each word of `q` occurs. With a `draft` one is to be chosen: see below."""
    words = q.casefold().split()[:20]
    where = ' AND '.join(['instr(words, ?)'] * len(words)) or '1'
    # A search looks at every contact. To do that in the order of the index is to read all over the file, four
    # times as slow as from its beginning to its end; the plus keeps SQLite from it.
    order = '+name, contact' if words else 'name, contact'
    pages = turn(page, table['contact'].count(where, words), contacts, q=q or None, draft=draft)
    rows = table['contact'].rows(where, words, columns='contact, name, phone, email', order=order, limit=PAGE,
                                 offset=pages['before'])
    form = None if draft is None else appointment_url(table['draft'].get(draft)['appointment'])
    context = {'form': form, 'draft': draft, 'pages': pages, 'q': q}
    found = tpl('contact_list').loop(rows, context)
    title = 'Choose a contact' if form else 'Contacts'
    return show(request, title, 'contacts', notice=notice, table=found, **context)


# A note may be long; a list shows its beginning. The name is a subquery instead of a JOIN, because SQLite
# works that out for the rows that are shown, not for those that it only counts or skips.
APPOINTMENT = '''appointment, date, substr(note, 1, 200) AS note, contact,
    (SELECT name FROM contact WHERE contact.contact = appointment.contact) AS name'''


def appointment_table(rows: Iterable[sqlite3.Row], *, with_contact: bool = True) -> str:
    # What a row needs besides its columns is added on its way to the page.
    items = ({**row, 'day': in_words(row['date'])} for row in rows)
    return tpl('appointment_list').loop(items, {'with_contact': with_contact})


@app.function('/contact/*')
def contact(request: Request, number: int, *, notice: str = ''):
    record = table['contact'].get(number)
    rows = table['appointment'].rows('contact = ?', [number], columns=APPOINTMENT, order='date DESC',
                                     limit=PAGE)
    return show(request, record['name'], 'contact', notice=notice, contact=record,
                table=appointment_table(rows, with_contact=False))


@app.function('/appointment/')
def appointments(request: Request, *, start: date | None = None, page: int = 1, notice: str = ''):
    start = start or date.today()
    pages = turn(page, table['appointment'].count('date >= ?', [start]), appointments, start=start)
    rows = table['appointment'].rows('date >= ?', [start], columns=APPOINTMENT, order='date, appointment',
                                     limit=PAGE, offset=pages['before'])
    week_before = date.fromordinal(max(1, start.toordinal() - 7))
    return show(request, 'Appointments', 'appointments', notice=notice, start=start, pages=pages,
                earlier=app.url_for(appointments, start=week_before), table=appointment_table(rows))


# How a list is sorted stands in its address. So two tabs can differ, Back goes back, and a bookmark is a
# view. An Enum says which orders there are; any other is answered with 400, and none gets near the SQL.
class Sort(Enum):
    TITLE = 'title'
    PRIORITY = 'priority'
    DUE = 'due'


ORDERS = {Sort.TITLE: 'title, task', Sort.PRIORITY: 'priority, due IS NULL, due, task',
          Sort.DUE: 'due IS NULL, due, priority, task'}
PRIORITIES = ['High', 'Medium', 'Low']


def task_table(rows: Iterable[sqlite3.Row], sort: Sort | None = None, everything: bool = False) -> str:
    columns = [{'title': each.value.capitalize(), 'sorted': each is sort,
                'url': app.url_for(tasks, sort=each, everything=everything or None)} for each in Sort]
    today = date.today().isoformat()
    items = ({**row, 'day': row['due'] and in_words(row['due']), 'level': PRIORITIES[row['priority'] - 1],
              'late': not row['done'] and (row['due'] or today) < today} for row in rows)
    return tpl('task_list').loop(items, {'columns': columns, 'sort': sort, 'everything': everything})


# None leaves an argument out of an address.
@app.function('/task/')
def tasks(request: Request, *, sort: Sort = Sort.PRIORITY, everything: bool = False, page: int = 1,
          notice: str = ''):
    where = '' if everything else 'NOT done'
    pages = turn(page, table['task'].count(where), tasks, sort=sort, everything=everything or None)
    rows = table['task'].rows(where, order=ORDERS[sort], limit=PAGE, offset=pages['before'])
    return show(request, 'Tasks', 'tasks', notice=notice, pages=pages, everything=everything,
                other=app.url_for(tasks, sort=sort, everything=not everything or None),
                table=task_table(rows, sort, everything))


# The first page has a bit of everything. Here small functions pay off: nearly all of it is there already.
@app.function('/')
def dashboard(request: Request, *, notice: str = ''):
    today = date.today()
    week = table['appointment'].rows('date BETWEEN ? AND ?', [today, today + timedelta(6)],
                                     columns=APPOINTMENT, order='date, appointment', limit=PAGE)
    urgent = table['task'].rows('NOT done', order=ORDERS[Sort.PRIORITY], limit=20)
    return show(request, 'This week', 'dashboard', notice=notice,
                today=f'{today:%A}, {today.day} {today:%B} {today.year}',
                appointments=appointment_table(week), tasks=task_table(urgent),
                open_tasks=table['task'].count('NOT done'))


# A CHANGE WITHOUT A FORM. A link only shows; what changes something is a button, sent by POST. This one says
# what the task shall be, rather than "the other way round": pressed twice, it has done the same as once.
@app.post('/task/*/done')
def set_done(request: Request, number: int, *, done: bool, sort: Sort | None = None,
             everything: bool = False):
    table['task'].update(number, {'done': done})
    entitle(request, 'Done:' if done else 'Not done:', 'task', table['task'].get(number))
    notice = 'done' if done else 'open'
    if sort is None:  # the button was on the first page
        return Response.redirect(app.url_for(dashboard, notice=notice))
    return Response.redirect(app.url_for(tasks, sort=sort, everything=everything or None, notice=notice))


# FORMS. An element is a control on the page, and its lens says what the text in it means: which text is
# accepted, and what value it stands for. Of this one declaration the browser gets its share (required,
# maxlength …), and the server checks all of it. Text may be in any script, and the browser is to find out for
# itself in which direction it runs: dir='auto'.
def text(length: int, *, required: bool = False) -> forms.Lens:
    return forms.String(maxlength=length, minlength=1 if required else 0)


PHONE = forms.Test('[-+ ()/.,;0-9]*', child=text(60), error='takes only 0 to 9, blanks and + - ( ) / . , ;')
DAY = forms.Date(date(1900, 1, 1), date(2199, 12, 31))  # a slip such as the year 0026 does not get through


class RecordForm(forms.Formlet):
    """What the forms for all records have in common; a subclass says what is its own.

    A formlet shows the elements with a record in them. What comes back is checked; if anything is wrong, the
    form is shown again, with everything that was typed and a sentence at each field that needs a second look.
    Otherwise `save` is called, once for each form: sending it twice gives the first answer again.
    """

    table = ''
    blank: dict[str, Any] = {}

    def __init__(self, number: int | None = None):
        super().__init__(self.ELEMENTS)
        self.number = number
        self.edits = number is not None  # then nobody's change in the meantime is overwritten unseen

    def get_native(self):
        return self.blank if self.number is None else table[self.table].get(self.number)

    def display(self, fields, errors):
        section = f'/{self.table}/'
        title, delete, cancel = f'New {self.table}', None, section
        if self.number is not None:
            title, delete = f'Change {self.table}', f'{section}{self.number}/delete'
            if self.table == 'contact':
                cancel += str(self.number)
        return show(self.request, title, 'form', fields=fields, action=self.action, delete=delete,
                    cancel=cancel)

    def save(self, native, request):
        if self.edits:
            number = table[self.table].update(self.number, native)
        else:
            number = table[self.table].insert(native)
        entitle(request, 'Change' if self.edits else 'Add', self.table, native)
        return Response.redirect(self.url_after(number, native))


@app.servlet('/contact/new')
@app.servlet('/contact/*/edit')
class ContactForm(RecordForm):
    table = 'contact'
    ELEMENTS = {
        'name': forms.Entry(lens=text(100, required=True), dir='auto'),
        'phone': forms.Entry(lens=PHONE, type='tel'),
        'email': forms.Entry(lens=text(200), type='email', label='E-mail'),
        'address': forms.Memo(lens=text(1000), dir='auto', rows=3),
        'memo': forms.Memo(lens=text(20_000), dir='auto'),
    }

    def save(self, native, request):
        # SQLite takes A for a, but neither É for é nor Я for я. Python knows them all, so Python does it,
        # once at each save instead of at each search.
        return super().save({**native, 'words': '\n'.join(native.values()).casefold()}, request)

    def url_after(self, number, native):
        if 'draft' in self.request.query:  # an appointment waits for this very contact
            draft = table['draft'].get(self.request.query['draft'])
            return f'{appointment_url(draft["appointment"])}?draft={draft["draft"]}&contact={number}'
        return app.url_for(contact, number, notice='saved')


@app.servlet('/task/new')
@app.servlet('/task/*')
class TaskForm(RecordForm):
    table = 'task'
    blank = {'priority': 2}
    ELEMENTS = {
        'title': forms.Entry(lens=text(200, required=True), dir='auto'),
        'priority': forms.Radio(forms.EnumLens(PRIORITIES, base=1), required=True),
        'due': forms.Entry(lens=forms.Nullable(DAY), help='Leave it empty if there is no hurry.'),
        'memo': forms.Memo(lens=text(20_000), dir='auto'),
        'done': forms.Check(),
    }

    def url_after(self, number, native):
        return app.url_for(tasks, everything=native['done'] or None, notice='saved')


# A FORM THAT CAN WAIT. To choose one of fifty thousand contacts, a list to scroll through will not do. The
# form of an appointment leads to the page of contacts, with its search, and goes on where it was left. How
# does it know what had been typed? Not from a variable: there may be two tabs with two appointments, and
# there is a Back button.
#
# So each press of "Choose a contact" stores what was typed as a draft, which never changes from then on. All
# else is in addresses: /contact/?draft=7 is the list to choose from, and a choice in it leads on to
# /appointment/new?draft=7&contact=12. Each step is a page that can be reloaded and gone back to.

def appointment_url(number: int | None) -> str:
    """The form for this appointment; for a new one if there is no number yet."""
    return app.url_for(AppointmentForm, *([] if number is None else [number]))


class ContactPick(forms.Element):
    """An element of our own: the name of a contact, and a button that leads to the list.

    Between a value and the page stands an intermediate form, which holds whatever was posted, right or wrong;
    here it is the contact's number as text. Four methods lead around: `show` makes it of a value,
    `html` a control of it, `read` makes it of what was posted, and `value` a value of it.
    """

    layout = 'group'

    def show(self, value):
        return '' if value is None else str(value)

    def read(self, name, POST):
        return POST.get(name, '')

    def html(self, name, intermediate):
        return tpl('contact_pick')(field=name, number=intermediate, contact=self.record(intermediate))

    def value(self, intermediate):
        record = self.record(intermediate)
        if intermediate and record is None:
            raise forms.ValidationError('is not there any more; choose another one, or none.')
        return record and record['contact']

    def record(self, number):
        return db.execute('SELECT contact, name FROM contact WHERE contact = ?', [number]).fetchone()


@app.servlet('/appointment/new')
@app.servlet('/appointment/*')
class AppointmentForm(RecordForm):
    table = 'appointment'
    LENGTH = 10_000
    ELEMENTS = {
        'date': forms.Entry(lens=DAY),
        'note': forms.Memo(lens=text(LENGTH, required=True), dir='auto', label='What is it about?'),
        'contact': ContactPick(),
    }

    def get_native(self):
        native, query = dict(super().get_native()), self.request.query
        if 'draft' in query:
            native.update(table['draft'].get(query['draft']))
        if 'contact' in query:
            native['contact'] = query['contact']
        return native

    def do_POST(self, request: Request):
        typed = {name: element.read(name, request.form) for name, element in self.ELEMENTS.items()}
        # What is wrong with a draft can be told when it is to be saved. Only one of any length is not
        # accepted: it would be a way to fill the disk.
        if 'choose' in request.form and sum(map(len, typed.values())) <= 2 * self.LENGTH:
            db.execute("DELETE FROM draft WHERE made < date('now', '-30 days')")
            draft = table['draft'].insert({**typed, 'appointment': self.number})
            return Response.redirect(app.url_for(contacts, draft=draft))
        return super().do_POST(request)

    def semantic_checks(self, native, errors):
        # What no field can know by itself. Each is fine for its own part by now.
        if self.number is None and native['date'] < date.today():
            errors['date'] = 'is in the past, and that is a bit late for a new appointment.'

    def url_after(self, number, native):
        # The list begins with the day of the appointment, so that it can be seen.
        return app.url_for(appointments, start=native['date'], notice='saved')


# DELETING. A formlet without elements makes a good question: it has a page, a button, and happens once.
# Three addresses lead here, and the first word of each is the table.
@app.servlet('/contact/*/delete')
@app.servlet('/appointment/*/delete')
@app.servlet('/task/*/delete')
class Delete(forms.Formlet):
    def __init__(self, number: int):
        super().__init__({})
        self.number = number

    def get_native(self):
        return {}

    def display(self, fields, errors):
        name = self.request.path[0]
        record = table[name].get(self.number)[TITLES[name]]
        kept = name == 'contact' and table['appointment'].count('contact = ?', [self.number])
        return show(self.request, f'Delete this {name}?', 'delete', record=record[:200], kept=kept,
                    form_id=fields.form_id, action=self.action, cancel=f'/{name}/{self.number}')

    def save(self, native, request):
        name = request.path[0]
        entitle(request, 'Delete', name, table[name].get(self.number))
        table[name].delete(self.number)
        return Response.redirect(f'/{name}/?notice=deleted')


# ALL TOGETHER. Four wrappers stand around the application. `history.wrap` makes each request that changes
# something a step that can be undone. `guard` makes each request a transaction: a page that says "Saved" is
# sent when it is on disk, an error takes everything back, and a GET cannot write. `tpl.wrap` looks whether
# you have edited a template since, and `shell.wrap` puts kali's own pages into the frame. All four hand on
# what serve_http is to start and to end: the backups.
serve_http(shell.wrap(tpl.wrap(guard(history.wrap(app), db))), app_id='datebook')
