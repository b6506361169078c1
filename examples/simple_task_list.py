"""A list of things to do: templates, filters, and forms that change something.

The list lives in memory and is gone when the program ends; the datebook shows how to keep things. What is to
be learned here is how HTML and Python go together, and what may change data: a link only shows, a form
changes.
"""

from itertools import count

from kali import NotFound, Request, Response, Router, Servlet, Template, serve_http

app = Router()


class Task:
    """One thing to do."""

    def __init__(self, text: str, done: bool = False):
        self.text, self.done = text, done


# By number, and no number is ever given twice. A place in a list would not do: a page may stay open in the
# browser for an hour, and by then what stood in third place may be in second.
numbers = count(1)
tasks = {next(numbers): task for task in (
    Task('Eat'), Task('Sleep'), Task('Breathe', done=True), Task('Save the world before bedtime'))}


# A template is HTML with names in braces. Calling it with a value for each gives a piece of the page. Text is
# escaped for where it stands, so a task called <script> is just a task with a funny name; a piece that
# another template has made is known to be HTML, and stays as it is.
page = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/.kali/kali.css">
<style>
  .done { text-decoration: line-through; opacity: .7; }
  li form { display: inline; }
  li button { min-height: 0; padding: .1rem .6rem; }
</style>
</head>
<body>
<header><a href="/">To do</a></header>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
""")

# After a colon comes a filter: a function that the value goes through on its way. Some are built in, such as
# {price:cents} and {due:date}. These two are our own, and they are known to this one template.
# Template.REGISTRY[':name'] = function makes one known to every template made after it.
FILTERS = {
    'style': {False: 'open', True: 'done'}.__getitem__,
    'other': {False: 'Done', True: 'Not yet'}.__getitem__,
}

# Blocks stand in <?question marks?>. There are no expressions in them, and so nothing to get wrong: whatever
# needs thinking is done in Python, before.
task_list = Template("""
<?if tasks?>
<ol>
<?for item in tasks?>
<li value="{item.number}">
<span class="{item.done:style}" dir="auto">{item.text}</span>
<a href="/task/{item.number}/edit" aria-label="Edit: {item.text}">Edit</a>
<form method="post" action="/task/{item.number}/mark">
<button class="secondary" name="done" value="<?if item.done?>no<?else?>yes<?end?>"
  aria-label="{item.done:other}: {item.text}">{item.done:other}</button>
</form>
</li>
<?end?>
</ol>
<?else?>
<p>Nothing left to do. Go out and play!</p>
<?end?>
<p><a href="/new">Something new</a></p>
""", filters=FILTERS)

task_form = Template("""
<form method="post">
<p class="field"><label for="text">What is to be done?</label>
<input type="text" id="text" name="text" value="{text}" maxlength="200" dir="auto" autofocus></p>
<p class="buttons"><button>{label}</button> <a href="/">Never mind</a></p>
</form>
""")


@app.function('/')
def home():
    items = [{'number': number, 'text': task.text, 'done': task.done} for number, task in tasks.items()]
    return page(title='To do', body=task_list(tasks=items))


# A page with a form has two sides: GET shows it, POST takes what was typed. A class with a method for each
# keeps them together. For each request kali makes one of it, and calls the method. `Servlet` is there for
# editors, which then know the methods; any class would do.
@app.servlet('/new')
class NewTask(Servlet):
    def do_GET(self, request: Request):
        return page(title='Something new', body=task_form(text='', label='Add it'))

    def do_POST(self, request: Request):
        text = typed_text(request)
        if text:
            tasks[next(numbers)] = Task(text)
        # Never answer a POST with a page: reloading it would add the task once more. A redirect has
        # the browser fetch the list instead, and the list can be fetched as often as one likes.
        return Response.redirect('/')


# A service is a folder of such pages about one thing. The star is the number of a task, and goes to the
# constructor, converted; below it, `edit` is answered by do_GET_edit and do_POST_edit, and so on.
@app.service('/task/*/')
class TaskPages:
    def __init__(self, number: int):
        if number not in tasks:
            raise NotFound(f'There is no task {number}.')
        self.number, self.task = number, tasks[number]

    def do_GET_edit(self, request: Request):
        return page(title='Change a task', body=task_form(text=self.task.text, label='Change it'))

    def do_POST_edit(self, request: Request):
        text = typed_text(request)
        if text:
            self.task.text = text
        else:  # to empty the line is to strike the task off the list
            del tasks[self.number]
        return Response.redirect('/')

    # There is no do_GET_mark. A GET changes nothing: browsers fetch pages ahead, repeat them, and open last
    # week's tabs again. An attempt is answered 405: this page only takes a POST.
    def do_POST_mark(self, request: Request):
        # The button says what the task shall be, not "the other way round". So it does no harm to press it
        # twice.
        self.task.done = request.form.get('done') == 'yes'
        return Response.redirect('/')


def typed_text(request: Request) -> str:
    """What was typed: on one line, and no longer than the form allows, whatever the browser let through."""
    return ' '.join(request.form.get('text', '').split())[:200]


serve_http(app)

# guard.py shows what a database adds to this, and datebook.py how to check what people type.
