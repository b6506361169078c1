"""The pictures of the README and the handbook, made anew in Chromium: `python tests/handbook/pictures.py`.

`pictures.json` keeps what each showed when it was made, as a checksum of its sources. A test compares, and
fails if a picture is older than what it shows.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
RECORD = Path(__file__).with_name('pictures.json')
TUTORIAL = 'kali/handbook/tutorial.md'
FENCE = re.compile(r'^```(?:python|sql) (\S+)\n(.*?)^```$', re.MULTILINE | re.DOTALL)

WORKSHOP = """
INSERT INTO customer (name, phone, email) VALUES ('Ann Dove', '0170 4711', 'ann@example.org'),
    ('Ben Crow', '0171 1234', NULL), ('Cleo Wren', NULL, 'cleo@example.org');
INSERT INTO job (customer, bike, received, promised, status, notes) VALUES
    (1, 'Brompton, red', '2026-04-20', '2026-04-24', 'open', 'Squeaks when it rains.'),
    (2, 'Peugeot PX-10', '2026-04-27', '2099-05-06', 'waiting', ''),
    (3, 'Cargo bike', '2026-04-28', '2026-04-30', 'done', ''),
    (1, 'Tandem', '2026-05-02', '2099-05-12', 'open', '');
INSERT INTO job_line (job, work, price) VALUES (1, 'Adjust the brakes', 18), (1, 'New chain', 42.5),
    (2, 'New wheel', 129.9), (3, 'Inspection', 60), (4, 'True the wheels', 35), (4, 'Brake pads', 24.8);
"""
DATEBOOK = """
INSERT INTO contact (name, phone, email, address, memo, words) VALUES
    ('Ada Lovelace', '', '', '', '', 'ada lovelace'), ('Grace Hopper', '', '', '', '', 'grace hopper'),
    ('Bruun & Sons', '', '', '', '', 'bruun & sons'), ('Marie Skłodowska-Curie', '', '', '', '', 'marie');
INSERT INTO appointment (date, note, contact) VALUES
    (date('now'), 'Talk through the plan for the new engine', 1),
    (date('now'), 'Dentist', NULL), (date('now', '1 day'), 'Compiler review; bring the log book', 2),
    (date('now', '2 day'), 'Oak shelves: measure the niche', 3),
    (date('now', '4 day'), 'Call about the radium', 4);
INSERT INTO task (title, priority, due, memo) VALUES
    ('Send the invoice to Bruun & Sons', 1, date('now', '-1 day'), ''),
    ('Back up the office computer', 1, date('now'), ''),
    ('Order toner and envelopes', 2, date('now', '2 day'), ''), ('Water the plants', 3, NULL, '');
"""


class Picture(NamedTuple):
    """A picture: the script that it shows ('' is the tutorial's workshop), the address, and a size."""

    script: str
    path: str
    rows: str  # what is put into its database
    width: int = 1100
    height: int = 640

    @property
    def sources(self) -> list[str]:
        """The files that decide how it looks."""
        return ['kali/pages/kali.css', 'kali/pages/shell.py', self.script or TUTORIAL]


PICTURES = {
    'examples/datebook.png': Picture('examples/datebook.py', '/', DATEBOOK),
    'examples/workshop.png': Picture('examples/workshop.py', '/table/job/', '', height=560),
    'kali/handbook/jobs.png': Picture('', '/table/job/', WORKSHOP),
    'kali/handbook/job.png': Picture('', '/table/job/1/edit', WORKSHOP, height=900),
}


def checksum(picture: Picture) -> str:
    """Of what the picture shows; of a page of the handbook only the code counts."""
    whole = hashlib.sha256(repr(picture).encode())
    for source in picture.sources:
        text = (ROOT / source).read_text(encoding='utf-8')
        whole.update(repr(FENCE.findall(text)).encode() if source.endswith('.md') else text.encode())
    return whole.hexdigest()[:16]


def stale() -> list[str]:
    """The pictures that are missing, or older than what they show."""
    known = json.loads(RECORD.read_text(encoding='utf-8')) if RECORD.is_file() else {}
    return [name for name, picture in PICTURES.items()
            if known.get(name) != checksum(picture) or not (ROOT / name).is_file()]


def make(name: str, picture: Picture, folder: Path, browser: object) -> None:
    """Run the script on a free port, and take the picture."""
    own = {key: str(folder / 'home') for key in ('HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'LOCALAPPDATA')}
    environment = {**os.environ, **own, 'PYTHONPATH': str(ROOT)}
    script = ROOT / picture.script
    if not picture.script:
        for path, code in FENCE.findall((ROOT / TUTORIAL).read_text(encoding='utf-8')):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(code, encoding='utf-8')
        script = folder / 'workshop.py'
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(ROOT / 'tests/run_script.py'), str(port), str(script)],
                               cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(('127.0.0.1', port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        database = next(each for each in (folder / 'home').rglob('*.sqlite') if each.parent.name != 'backups')
        connection = sqlite3.connect(database)
        connection.executescript(picture.rows)
        connection.close()
        page = browser.new_page(viewport={'width': picture.width, 'height': picture.height})  # type: ignore[attr-defined]
        page.goto(f'http://127.0.0.1:{port}{picture.path}')
        page.screenshot(path=str(ROOT / name))
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Make those that are out of date."""
    from playwright.sync_api import sync_playwright

    from tests.conftest import BROWSER_ARGUMENTS, find_browser
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=BROWSER_ARGUMENTS)
        for name in stale():
            with tempfile.TemporaryDirectory() as folder:
                make(name, PICTURES[name], Path(folder), browser)
            print(name, (ROOT / name).stat().st_size, 'bytes')
        browser.close()
    now = {name: checksum(picture) for name, picture in PICTURES.items()}
    RECORD.write_text(json.dumps(now, indent=2) + '\n', encoding='utf-8')


if __name__ == '__main__':
    sys.path.insert(0, str(ROOT))
    main()
