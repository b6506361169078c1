"""Invoices: customers, invoices with lines and totals, and a PDF to each.

The tables are made by the steps in invoice_steps, and the forms from the tables; what stands here is only
what the tables cannot say."""

from kali import Request, Response, Router, Shell, TemplateFolder, data_dir, forms, resource, serve_http
from kali.records import Records, Table
from kali.sqlite import backup, connect, guard, migrate, undo
from kali.sqlite.schema import tables

db = connect(data_dir('invoice') / 'invoice.sqlite')
migrate(db, resource('invoice_steps'))
customers, invoices, lines, overview = map(tables(db).get, ('customer', 'invoice', 'line', 'overview'))
app, tpl = Router(), TemplateFolder(resource('templates/invoice'))
history = undo(db, ['customer', 'invoice', 'line'])  # the tables that belong together
app.delegate('/undo', history)
app.delegate('/backups', backup(db))
shell = Shell('Invoices', [('Overview', '/'), ('All of it', '/all/'), ('Backups', '/backups')],
              tools=lambda request: history.buttons('/undo'))
app.delegate_folder('/all/', Records(db, shell=shell, history=history, backups=False, tables=[
    'customer', Table('invoice', children=['line']), 'line']).router)


@app.function('/')
def home(request: Request):
    content = tpl('overview')(invoices=overview.rows(), customers=customers.rows(order='name'))
    return shell.page(request, 'Invoices', content)


@app.function('/invoice/*/file')
def attachment(number: int):
    pdf = {'Content-Type': 'application/pdf', 'Content-Disposition': f'attachment; filename={number}.pdf'}
    return Response(invoices.get(number)['attachment'], headers=pdf)


@app.servlet('/customer/new')
@app.servlet('/customer/*')
class Customer(forms.Formlet):
    TABLE = customers
    ELEMENTS = forms.elements_from_table(db, 'customer', email=forms.Entry(lens=forms.Email()))
    cancel = '/'

    def __init__(self, number: int | None = None):
        super().__init__(self.ELEMENTS)
        self.number, self.edits = number, number is not None  # an edit saves over nobody's later change

    def get_native(self):
        return self.TABLE.get(self.number) if self.edits else {}

    def save(self, native, request):
        table, did = self.TABLE, 'Change' if self.edits else 'Add'
        self.number = table.update(self.number, native) if self.edits else table.insert(native)
        request.scope.transaction.title = f'{did} {table.name} {native.get("name", self.number)}'
        return Response.redirect('/')


@app.servlet('/invoice/new')
@app.servlet('/invoice/*')
class Invoice(Customer):
    TABLE = invoices
    ELEMENTS = forms.elements_from_table(
        db, 'invoice', filename=forms.Static(label='File so far'),
        attachment=forms.Upload(max_size=5_000_000, label='File', accept='.pdf'),
        lines=forms.Rows(forms.elements_from_table(db, 'line', invoice=None), min=1), total=forms.Static())

    def get_native(self):
        record, this = super().get_native(), ('invoice = ?', [self.number])
        found = {'lines': lines.rows(*this, order='line'), **overview.rows(*this)[0]} if self.edits else {}
        return {**record, **found}

    def save(self, native, request):
        items, upload = native.pop('lines'), native.pop('attachment')
        native |= {'filename': upload.filename, 'attachment': upload.content} if upload else {}
        saved = super().save(native, request)
        db.execute('DELETE FROM line WHERE invoice = ?', [self.number])
        for item in items:
            lines.insert({**item, 'invoice': self.number})
        return saved


serve_http(shell.wrap(tpl.wrap(guard(history.wrap(app), db))), app_id='invoice')
