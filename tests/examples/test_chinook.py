"""Chinook: a database that was made for other programs, without a line about its tables."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).resolve().parents[2] / 'examples'


def test_the_whole_of_it_is_there(serve: Callable[..., Any]) -> None:
    app = serve(EXAMPLES / 'chinook.py')
    with closing(sqlite3.connect(next(app.folder.rglob('chinook.sqlite')))) as db:
        counts = {name: db.execute(f'SELECT count(*) FROM {name}').fetchone()[0]
                  for name in ('Artist', 'Album', 'Track', 'InvoiceLine', 'PlaylistTrack')}
    assert counts == {'Artist': 275, 'Album': 347, 'Track': 3503, 'InvoiceLine': 2240, 'PlaylistTrack': 8715}
    tracks = app.get('/table/Track/').text
    assert 'Rock' in tracks
    assert '1,297' in tracks
    assert app.get('/table/Track/1').status == 200
    assert app.get('/table/PlaylistTrack/export.csv').text.count('\n') == 8716
    chart = app.get('/table/Invoice/charts?by=InvoiceDate%3Ayear&value=sum%3ATotal')
    assert '<svg class="chart"' in chart.text


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(EXAMPLES), 'chinook', str(tmp_path / 'nosuch')],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith('There is no file')
