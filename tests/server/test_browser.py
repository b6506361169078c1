"""A real browser and the one thread: a page of many parts, and a refusal of a large form that is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.conftest import Served

APP = """
    import zlib, struct
    import kali
    app = kali.Router()

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    @app.function('/')
    def home():
        parts = [f'<link rel="stylesheet" href="/style/{n}">' for n in range(10)]
        parts += [f'<script src="/script/{n}" defer></script>' for n in range(10)]
        parts += [f'<img src="/image/{n}" alt="">' for n in range(60)]
        return '<!DOCTYPE html><title>Parts</title><p id="text">', parts

    @app.function('/style/*')
    def style(n: int):
        return kali.Response(f'#text {{ --part-{n}: {n} }}', headers={'Content-Type': 'text/css'})

    @app.function('/script/*')
    def script(n: int):
        return kali.Response('window.ran = 1 + (window.ran || 0)',
                             headers={'Content-Type': 'text/javascript'})

    @app.function('/image/*')
    def image(n: int):
        rows = b''.join(b'\\0' + bytes((n, 2 * n, 3 * n % 256)) * 16 for _ in range(16))
        data = (b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 16, 16, 8, 2, 0, 0, 0))
                + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))
        return kali.Response(data, headers={'Content-Type': 'image/png'})

    @app.function('/form')
    def form():
        return ('<form method="post" enctype="multipart/form-data">'
                '<input type="file" name="a"><button>Go')

    @app.function('/stream')
    def stream():
        return kali.Response.stream(f'<p>{n}</p>' for n in range(1000))

    kali.serve_http(app, limits=kali.Limits(body=1000))
"""


CHOOSE_A_FILE = """
    const chosen = new DataTransfer()
    chosen.items.add(new File([new Uint8Array(3000000)], 'large.bin'))
    document.querySelector('input').files = chosen.files
"""


def test_sixty_images_styles_and_scripts(serve: Callable[..., Served], page: Page) -> None:
    served = serve(APP)
    failed: list[str] = []
    page.on('requestfailed', lambda request: failed.append(request.url))
    page.goto(served.url, wait_until='load')
    assert failed == []
    assert page.evaluate('''[...document.images].filter(
        image => image.complete && image.naturalWidth === 16).length''') == 60
    assert page.evaluate('window.ran') == 10
    style = "getComputedStyle(document.getElementById('text'))"
    assert [page.evaluate(f"{style}.getPropertyValue('--part-{n}')").strip() for n in range(10)] == [
        str(n) for n in range(10)]


@pytest.mark.slow
def test_a_form_of_three_megabytes_is_refused_and_the_refusal_read(serve: Callable[..., Served],
                                                                   page: Page) -> None:
    served = serve(APP)
    for _ in range(25):
        page.goto(served.url + '/form')
        page.evaluate(CHOOSE_A_FILE)  # a field with as much text takes Playwright a second to hand on
        with page.expect_navigation() as arrived:
            page.click('button')
        assert arrived.value.status == 413
        assert 'at most 1000 bytes are taken' in page.inner_text('main')


def test_a_stream(serve: Callable[..., Served], page: Page) -> None:
    served = serve(APP)
    page.goto(served.url + '/stream')
    assert page.locator('p').count() == 1000
