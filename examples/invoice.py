"""Invoices: customers, invoices with lines and totals, and a PDF to each.

The forms are made from the tables in invoice.sql; what stands here is only what the tables cannot say."""

from pathlib import Path

from kali import NotFound, Response, Router, TemplateFolder, forms, serve_http
from kali.desktop.folders import data_folder
from kali.sqlite import backup, connect, guard, undo

HERE = Path(__file__).resolve().parent
db = connect(Path(data_folder('invoice'), 'invoice.sqlite'))
db.executescript(HERE.joinpath('invoice.sql').read_text(encoding='utf-8'))
app, tpl = Router(), TemplateFolder(HERE.parent / 'templates' / 'invoice')
history = undo(db, ['customer', 'invoice', 'line'])  # the tables that belong together
app.delegate('/undo', history)
app.delegate('/backups', backup(db))


def find(table, key, number):
    for row in db.execute(f'SELECT * FROM {table} WHERE {key} = ?', [str(number)]):
        return row
    raise NotFound(f'There is no {key} {number}.')


def store(table, number, record):  # the names are the schema's; what was typed goes beside the SQL
    names, pairs = ', '.join(record), ', '.join(f'{name} = excluded.{name}' for name in record)
    sql = f'INSERT INTO {table} ({table}, {names}) VALUES (?{", ?" * len(record)}) ON CONFLICT ({table}) DO'
    return db.execute(f'{sql} UPDATE SET {pairs} RETURNING {table}', [number, *record.values()]).fetchone()[0]


@app.function('/')
def overview():
    return tpl('overview')(undo=history.buttons('/undo'), invoices=db.execute('SELECT * FROM overview'),
                           customers=list(db.execute('SELECT * FROM customer ORDER BY name')))


@app.function('/invoice/*/file')
def attachment(number: int):
    pdf = {'Content-Type': 'application/pdf', 'Content-Disposition': f'attachment; filename={number}.pdf'}
    return Response(find('invoice', 'invoice', number)['attachment'], headers=pdf)


@app.servlet('/customer/new')
@app.servlet('/customer/*')
class Customer(forms.Formlet):
    ELEMENTS = forms.elements_from_table(db, 'customer', email=forms.Entry(lens=forms.Email()))
    cancel = '/'

    def __init__(self, number: int | None = None):
        super().__init__(self.ELEMENTS)
        self.number, self.edits = number, number is not None  # an edit saves over nobody's later change

    def get_native(self):
        return find('customer', 'customer', self.number) if self.edits else {}

    def save(self, native, request):
        self.number, did = store(request.path[0], self.number, native), 'Change' if self.edits else 'Add'
        request.scope.transaction.title = f'{did} {request.path[0]} {native.get("name", self.number)}'
        return Response.redirect('/')


@app.servlet('/invoice/new')
@app.servlet('/invoice/*')
class Invoice(Customer):
    ELEMENTS = forms.elements_from_table(
        db, 'invoice', filename=forms.Static(label='File so far'),
        attachment=forms.Upload(max_size=5_000_000, label='File', accept='.pdf'),
        lines=forms.Rows(forms.elements_from_table(db, 'line', invoice=None), least=1), total=forms.Static())

    def get_native(self):
        lines = db.execute('SELECT * FROM line WHERE invoice = ? ORDER BY line', [self.number])
        return {**find('overview', 'invoice', self.number), 'lines': lines} if self.edits else {}

    def save(self, native, request):
        lines, upload = native.pop('lines'), native.pop('attachment')
        native |= {'filename': upload.filename, 'attachment': upload.content} if upload else {}
        saved = super().save(native, request)
        db.execute('DELETE FROM line WHERE invoice = ?', [self.number])
        for line in lines:
            store('line', None, {**line, 'invoice': self.number})
        return saved


serve_http(tpl.wrap(guard(history.wrap(app), db)), app_id='invoice')
