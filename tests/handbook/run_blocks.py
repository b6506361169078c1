"""Run the blocks of code of one page of the handbook, one after the other, in the working directory.

    python run_blocks.py PAGE.md

A block with a file name is written there; one in Python then runs by itself, a test by pytest, and all others
go on from each other. `serve_http` asks the application for its first page instead of serving it, so what a
page says is an application has to be one.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import kali
from kali.testing import Client

FENCE = re.compile(r'^```([^\n]*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
serve_http = kali.serve_http


def serve(handler: Any, **options: Any) -> None:
    """What stands for serve_http."""
    inspect.signature(serve_http).bind(handler, **options)
    with Client(handler) as client:
        answer = client.get(options.get('start') or '/')
        assert answer.status < 400, (answer.status, answer.text)


def run(page: Path) -> None:
    """Run the blocks; what fails raises."""
    shared: dict[str, Any] = {'__name__': '__main__', '__file__': str(Path('page.py').resolve())}
    for info, code in FENCE.findall(page.read_text(encoding='utf-8')):
        language, _, what = info.partition(' ')
        if '.' in what:
            Path(what).parent.mkdir(parents=True, exist_ok=True)
            Path(what).write_text(code, encoding='utf-8')
        if language != 'python' or what == 'shown':
            continue
        compiled = compile(code, what or page.name, 'exec')
        if what.startswith('test_'):
            assert pytest.main(['-q', '-p', 'no:cacheprovider', what]) == 0
        else:
            own = {'__name__': '__main__', '__file__': str(Path(what).resolve())}
            exec(compiled, own if what else shared)


if __name__ == '__main__':
    kali.serve_http = serve
    sys.path.insert(0, '')
    run(Path(sys.argv[1]))
