"""A bicycle workshop: customers, bikes, jobs with their lines, a price list, a job sheet, statistics.

The tables are in the folder workshop, in the steps by which they came to be. All pages come from them: lists
with search, filters and sums, forms with the lines of a job in them, import, export, charts, undo, backups.
What stands here is what no table can say.
"""

from datetime import date
from pathlib import Path

from kali import NotFound, TemplateFolder, data_dir, serve_http
from kali.records import Chart, Records, Table
from kali.sqlite import connect, migrate

HERE = Path(__file__).resolve().parent
db = connect(data_dir('workshop') / 'workshop.sqlite')
migrate(db, HERE / 'workshop')
templates = TemplateFolder(HERE.parent / 'templates' / 'workshop')

TOTAL = '(SELECT sum(quantity * price) FROM line WHERE line.job = job.job)'


# A mark is a badge beside the row; `late`, `new` and `done` have a colour, and so has any other word.
MARKS = {'new': 'new', 'waiting for parts': 'waiting', 'ready': 'done'}


def mark(job):
    is_open = job['status'] not in ('ready', 'collected')
    if is_open and job['promised'] and job['promised'] < date.today().isoformat():
        return 'late'
    return MARKS.get(job['status'])


# An action is a button below the list, for the rows that are ticked.
def collected(jobs):
    """Collected and paid"""
    for job in jobs:
        db.execute("UPDATE job SET status = 'collected' WHERE job = ?", [job['job']])


# The print of a job is a sheet for the handlebar, with what the customer signs. Any page of a table can be
# replaced by a function like this.
def sheet(request, number):
    job = db.execute("""SELECT * FROM job JOIN bike USING (bike) JOIN customer USING (customer)
                        WHERE job = ?""", [number]).fetchone()
    if job is None:
        raise NotFound(f'There is no job {number}.')
    lines = db.execute('SELECT *, quantity * price AS total FROM line WHERE job = ?', [number]).fetchall()
    return templates('sheet')(job=job, lines=lines, total=sum(line['total'] for line in lines))


records = Records(db, title='Workshop', tables=[
    Table('job', list=['job', 'received', 'bike', 'status', 'promised', ('Total', TOTAL)], order='-received',
          search=['notes', 'bike'], filter=['status', 'received', 'bike'], children=['line'], mark=mark,
          label="'Job ' || job", actions=[collected], pages={'print': sheet}, charts=[
              Chart('status', 'pie', title='Jobs by status'),
              Chart('SELECT month, turnover FROM turnover ORDER BY month', 'line', title='Turnover a month'),
              Chart("""SELECT what, sum(quantity * price) FROM line GROUP BY what ORDER BY 2 DESC LIMIT 12""",
                    title='What brings in most')]),
    Table('customer', children=['bike']),
    Table('bike', list=['picture', 'make', 'model', 'frame_no', 'customer', 'electric'],
          label="make || ' ' || model", filter=['make', 'electric']),
    Table('work', title='Price list', order='name'),
    Table('turnover', title='Statistics', order='-month')])

if __name__ == '__main__':
    serve_http(templates.wrap(records), app_id='workshop')
