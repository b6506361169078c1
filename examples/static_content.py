"""A folder of files as part of an application: pictures, style sheets, downloads. Here it is the examples
folder.

Whatever is in the folder is there for the browser, under its own name and with its own content type. Nothing
outside of the folder ever is, however the address is spelled, nor what begins with a dot or an underscore.
"""

from pathlib import Path

from kali import Router, StaticFolder, serve_http

app = Router()

# `delegate_folder` hands all that begins with /static/ over to another handler. A handler is anything that
# takes a request and gives back a response; StaticFolder is one. Another Router could stand here just as
# well: that is how a large application is put together from small ones.
#
# The folder is named in relation to this file. The working directory is wherever the user happened to be.
app.delegate_folder('/static/', StaticFolder(Path(__file__).resolve().parent))


# A folder with an index.html shows that, one without shows a list of its files. Only /static/ is taken: the
# rest of the addresses is free for pages of your own, such as this one.
@app.function('/')
def index():
    return """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Static content</title>
<link rel="stylesheet" href="/.kali/kali.css">
</head>
<body>
<main>
<h1>Static content</h1>
<p>This program shows the folder of the examples: <a href="/static/">look into it</a>.</p>
<p>The style of this page is a static file as well. It comes with kali, as
<a href="/.kali/kali.css">/.kali/kali.css</a>, so that a page looks well before anybody has worked on it.</p>
<p>When you are done here, <a href="/static/simple_task_list.py">simple_task_list.py</a> is next.</p>
</main>
</body>
</html>
"""


serve_http(app)
