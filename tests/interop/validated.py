"""`python validated.py MODULE NAME PORT`: a WSGI application under wsgiref's server and its validator."""

import sys
from importlib import import_module
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server
from wsgiref.validate import validator


class Threaded(ThreadingMixIn, WSGIServer):
    """A thread for each request, so that an event stream does not keep others waiting."""

    daemon_threads = True


def main() -> None:
    """Serve until ended."""
    module, name, port = sys.argv[1:]
    application = validator(getattr(import_module(module), name))
    make_server('127.0.0.1', int(port), application, Threaded).serve_forever()


if __name__ == '__main__':
    main()
