"""Long work that can be watched: 200 000 rows of a CSV file go into a database, and the pages stay quick.

There is one thread, so work that takes long is done in pieces. A job is a generator: at each `yield` others
get their turn, what was written is committed, and the page shows how far it is. Cancel it halfway, or look
around in the list meanwhile.
"""

import csv
import random
from collections.abc import Iterator

from kali import Request, Response, Router, Template, data_dir, serve_http
from kali.live import Jobs, Progress
from kali.pages.shell import Shell
from kali.sqlite import connect, guard

ROWS = 200_000
BATCH = 1000  # rows between two yields: a few milliseconds of work, and one transaction

folder = data_dir('import_csv')
db = connect(folder / 'import_csv.sqlite')
db.execute('CREATE TABLE IF NOT EXISTS sale (sale INTEGER PRIMARY KEY, day TEXT, customer TEXT, amount REAL)')

app, jobs = Router(), Jobs()
app.delegate_folder('/jobs/', jobs)
shell = Shell('Import', [('Sales', '/'), ('Jobs', '/jobs/')])

page = Template("""
<form method="post" action="/make"><button>Make a file with {rows:num} rows</button></form>
<form method="post" action="/import"><button>Import it</button></form>
<form method="post" action="/clear"><button class="secondary">Delete all sales</button></form>
<p>There are {count:num} sales. The last ones:</p>
<table><thead><tr><th>Day</th><th>Customer</th><th>Amount</th></tr></thead><tbody>
<?for sale in sales?><tr><td>{sale.day}</td><td>{sale.customer}</td>
<td>{sale.amount:num}</td></tr>
<?end?></tbody></table>
""")


@app.get('/')
def home(request: Request):
    count = db.execute('SELECT count(*) FROM sale').fetchone()[0]
    sales = db.execute('SELECT * FROM sale ORDER BY sale DESC LIMIT 20')
    return shell.page(request, 'Sales', page(rows=ROWS, count=count, sales=sales))


# Both the making of the file and its import take a few seconds. A handler that did it all would keep every
# other page waiting.
def make_file() -> Iterator[Progress]:
    with (folder / 'sales.csv').open('w', newline='', encoding='utf-8') as file:
        rows = csv.writer(file)
        rows.writerow(['day', 'customer', 'amount'])
        for number in range(ROWS):
            day = f'2026-{number % 12 + 1:02}-{number % 28 + 1:02}'
            rows.writerow([day, f'Customer {random.randrange(5000)}', round(random.uniform(1, 500), 2)])
            if number % BATCH == 0:
                yield Progress(number, ROWS, 'Writing sales.csv')


def import_file() -> Iterator[Progress]:
    path = folder / 'sales.csv'
    size = path.stat().st_size
    with path.open('rb') as raw:
        lines = (line.decode('utf-8') for line in raw)
        rows = csv.DictReader(lines)
        batch = []
        for row in rows:
            batch.append((row['day'], row['customer'], float(row['amount'])))
            if len(batch) == BATCH:
                db.executemany('INSERT INTO sale (day, customer, amount) VALUES (?, ?, ?)', batch)
                batch.clear()
                yield Progress(raw.tell(), size, f'{rows.line_num:,} lines')  # and these are committed
        db.executemany('INSERT INTO sale (day, customer, amount) VALUES (?, ?, ?)', batch)
    return '<p>All rows are there. <a href="/">See them</a></p>'


@app.post('/make')
def make(request: Request):
    return jobs.start(request, make_file(), title='Make a file')


@app.post('/import')
def start(request: Request):
    if not (folder / 'sales.csv').exists():
        return Response.redirect('/')
    return jobs.start(request, import_file(), title='Import sales')


@app.post('/clear')
def clear():
    db.execute('DELETE FROM sale')
    return Response.redirect('/')


serve_http(shell.wrap(guard(app, db)), app_id='import_csv')
