"""Reloading, the program's side: what it and the command that starts it anew after a change tell each other.

`python -m kali run FILE --reload` (kali.desktop.reloader) hands the program one line of JSON on its standard
input, and one byte more when it may listen; the end of the input ends the program, so that it never outlives
the command. What the program has to say stands in a file, which the command reads.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

from kali.desktop import launch
from kali.desktop.files import write_private
from kali.desktop.windows import is_page
from kali.http.response import Response
from kali.processes import end_with_input

if TYPE_CHECKING:
    from collections.abc import Callable

    from kali.http.request import Request
    from kali.server.dispatcher import Dispatcher

__all__ = ['Session', 'join', 'reported']

SLOW = 5.0  # seconds after which a program that does not serve yet says where it is
KALI = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120


class Session:
    """One run of a program that is started anew after each change.

    :param run: distinguishes this run from those before: pages load anew when it has changed
    :param key: lets browsers in, in this run and all others, however often
    :param opened: the applications that have a window already
    :param report: the file for what the program says; '' in the command itself, while it shows an error
    """

    def __init__(self, run: str, key: str, opened: list[str], report: str = '') -> None:
        self.run, self.key, self.opened, self.report = run, key, opened, report
        self._may_listen = threading.Event()
        self._slow = threading.Timer(SLOW, self._tell_place)
        self._slow.daemon = True

    def claim(self, **wishes: Any) -> bool:
        """Wait until the program may listen. Whether it is to open a window.

        :param wishes: the arguments of serve_http that matter for a page that shows an error
        """
        name = f'{wishes["app_id"]} {wishes["address"]} {wishes["port"]}'
        if self.report:
            self._slow.cancel()
            self.say('ready', name=name, wishes=wishes)
            self._may_listen.wait()
        is_new = name not in self.opened
        self.opened.append(name)
        return is_new

    def attach(self, dispatcher: Dispatcher) -> None:
        """Have each page load itself anew when the program was started anew."""
        dress = dispatcher.dress
        tag = f'<script type="module" src="/.kali/reload.js?run={self.run}"></script>\n'.encode()

        def dressed(request: Request, response: Response) -> Response:
            if dress is not None:
                response = dress(request, response)
            if is_page(response) and isinstance(response.content, bytes):
                response = response.with_content(response.content + tag)
            return response
        dispatcher.dress = dressed
        dispatcher.own.get('/run')(lambda: Response.plain_text(self.run))

    def say(self, state: str, **more: Any) -> None:
        """Tell the command how far the program is: `ready`, `slow` or `failed`."""
        write_private(self.report, json.dumps({'state': state, **more}))

    def listen(self) -> None:
        """Hear what the command says, until it ends this program."""
        self._slow.start()
        end_with_input(self._may_listen.set)

    def _tell_place(self) -> None:
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        self.say('slow', text='It is here:\n' + ''.join(
            traceback.format_list(_without_kali(traceback.extract_stack(frame)))))


def join() -> Session:
    """Become a run of a session, as the first line of the standard input says."""
    line = b''
    while not line.endswith(b'\n'):
        part = os.read(0, 1)
        if not part:
            sys.exit('The command that started this program has ended.')
        line += part
    session = launch.session = Session(**json.loads(line))
    sys.stdin = open(os.devnull, encoding='utf-8')  # noqa: PTH123, SIM115  # the program has none of its own
    sys.dont_write_bytecode = True  # two saves in a second look alike to Python's cache
    session.listen()
    return session


def reported(session: Session, run: Callable[[], object]) -> int:
    """Run a program; what it raises goes to the console and to the command. Returns the exit code."""
    try:
        run()
    except KeyboardInterrupt:
        return 130
    except SystemExit as error:
        if error.code not in (None, 0):
            session.say('failed', text=f'It ended by sys.exit({error.code!r}).')
        raise
    except BaseException as error:
        whole = traceback.TracebackException.from_exception(error)
        whole.stack = traceback.StackSummary.from_list(_without_kali(whole.stack))
        text = ''.join(whole.format())
        print(text, end='', file=sys.stderr)
        session.say('failed', text=text)
        return 1
    return 0


def _without_kali(stack: traceback.StackSummary) -> list[traceback.FrameSummary]:
    """The calls from the program's script on, not those that led there."""
    calls = list(stack)
    while calls and calls[0].filename.startswith((KALI, '<frozen')):
        del calls[0]
    return calls
