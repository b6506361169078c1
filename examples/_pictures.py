"""Makes the gallery's pictures: starts each example, fills in a little, and has Chromium draw its first page.

    python3 examples/_pictures.py [NAME …]

It needs Playwright and a Chromium; what it makes lies in examples/pictures, a few kilobytes each.
"""

import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT, SCALE = 680, 425, 1  # of the window, and what is left of that in the picture
QUALITY = 0.72
MOST = 25_000  # bytes

# What is typed before the picture is made: pages, and what goes into their first form by the labels.
TYPED: dict[str, list[tuple[str, dict[str, str]]]] = {
    'simple_task_list': [('/', {'Task': 'Oil the chain'}), ('/', {'Task': 'Order brake pads'})],
    'datebook': [('/contact/new', {'Name': 'Ada Lovelace', 'E-mail': 'ada@example.org'}),
                 ('/contact/new', {'Name': 'Grace Hopper'}),
                 ('/task/new', {'Title': 'Call about the compiler'})],
    'chat': [('/', {'Your name': 'Ada', 'Say': 'Good morning!'}),
             ('/', {'Your name': 'Grace', 'Say': 'Hello Ada.'})],
}
# Where another page than the first says more.
SHOWN = {'datebook': '/contact/', 'workshop': '/table/job/', 'chinook': '/table/Track/'}

TO_WEBP = """async ([png, quality]) => {
  const picture = await createImageBitmap(await (await fetch('data:image/png;base64,' + png)).blob());
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext('2d').drawImage(picture, 0, 0);
  const blob = await canvas.convertToBlob({ type: 'image/webp', quality });
  return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
}"""


def names() -> list[str]:
    """The examples, as the gallery lists them."""
    inside = [path for path in sorted(HERE.glob('[!_.]*/[!_]*.py')) if b'serve_http(' in path.read_bytes()]
    return [*(path.stem for path in sorted(HERE.glob('[!_]*.py')) if path.stem != 'gallery'),
            *(f'{path.parent.name}.{path.stem}' for path in inside)]


def fill(page: Page, values: dict[str, str]) -> None:
    for label, value in values.items():
        field = page.get_by_label(label, exact=False).first
        if field.count():
            field.fill(value)
    page.locator('main form button').first.click()
    page.wait_for_load_state()


def draw(name: str, page: Page, folder: Path) -> bytes | None:
    """The picture of an example; None if it does not start here."""
    env = {**os.environ, 'BROWSER': 'true', 'HOME': str(folder)}
    env.update(dict.fromkeys(('XDG_STATE_HOME', 'XDG_DATA_HOME', 'XDG_CACHE_HOME'), str(folder)))
    process = subprocess.Popen([sys.executable, str(HERE), '--attached', name.replace('.', '/')], env=env,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True)
    assert process.stdin and process.stdout
    try:
        said = ''
        while not (address := re.search(r'http://\S+', said)):
            line = process.stdout.readline()
            if not line:
                print(f'{name} does not start here: {said}', file=sys.stderr)
                return None
            said += line
        page.goto(address[0])
        start = page.url
        for path, values in TYPED.get(name, []):
            page.goto(start.rstrip('/') + path)
            fill(page, values)
        page.goto(start.rstrip('/') + SHOWN.get(name, '/'))
        page.wait_for_timeout(600)
        png = page.screenshot()
        page.goto('about:blank')
        webp = page.evaluate(TO_WEBP, [base64.b64encode(png).decode(), QUALITY])
        return base64.b64decode(webp)
    finally:
        process.stdin.close()
        process.wait()


def main(wanted: list[str]) -> None:
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=shutil.which('chromium'), args=['--no-sandbox'])
        for name in wanted or names():
            page = browser.new_page(viewport={'width': WIDTH, 'height': HEIGHT}, device_scale_factor=SCALE,
                                    locale='en-US')
            picture = draw(name, page, Path(folder))
            page.close()
            if picture is not None:
                assert len(picture) <= MOST, f'{name}: {len(picture)} bytes'
                (HERE / 'pictures' / f'{name}.webp').write_bytes(picture)
                print(f'{name}: {len(picture)} bytes')


if __name__ == '__main__':
    main(sys.argv[1:])
