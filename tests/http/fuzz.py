"""Feeds the parser, the request, multipart and a whole application with broken requests, for a bounded time.

Run it with `python3 tests/http/fuzz.py [SECONDS] [SEED]`. Each case follows from its seed alone, and the next
case has the next seed; the first is random unless given. A failure prints the command that runs its case
again (0 seconds: one case). The rule for every case: whatever the bytes, and however they are split, the
outcome is one Request, "need more", or one refusal with a status from 400 to 599; never another exception.
"""

from __future__ import annotations

import random
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == '__main__':
    sys.path[0] = str(ROOT)  # not this folder, which holds modules of its own

from kali.errors import KaliError, ProtocolError  # noqa: E402  # once it can be found
from kali.http.limits import Limits  # noqa: E402
from kali.http.parser import Data, Head, RequestParser  # noqa: E402
from kali.http.request import FileUpload, Request  # noqa: E402
from kali.http.spool import Spool  # noqa: E402
from kali.multidict import Bag  # noqa: E402
from kali.routing.router import Router  # noqa: E402
from kali.server.gate import Gate  # noqa: E402
from kali.testing import Client  # noqa: E402

LIMITS = Limits(request_line=200, head=600, fields=12, body=800, form_fields=9, parts=4)
PARTS = b'--XyZ\r\nContent-Disposition: form-data; name="a"; filename="b\\".c"\r\n\r\n\r\n--XyZ\r\n' \
        b'Content-Disposition: form-data; name="d"\r\nContent-Type: text/plain\r\n\r\ne\r\n--XyZ--\r\n'
CORPUS = [
    b'GET /a/b%20c?d=e&f=%C3%A9 HTTP/1.1\r\nHost: localhost:8080\r\nCookie: a="b"; c\r\n\r\n',
    b'GET http://localhost:8080/number/7 HTTP/1.0\r\nHost: localhost:8080\r\nConnection: close\r\n\r\n',
    b'OPTIONS * HTTP/1.1\r\nHost: [::1]:8080\r\nSec-Fetch-Site: none\r\n\r\n',
    b'\r\nHEAD /number/7?n=1&n=2 HTTP/1.1\r\nHost:localhost:8080\t\r\nRange: bytes=0-1,-1\r\n\r\n',
    b'POST / HTTP/1.1\r\nHost: localhost:8080\r\nExpect: 100-continue\r\nContent-Length: 11\r\n'
    b'Content-Type: application/x-www-form-urlencoded\r\n\r\na=b+c&d=%00',
    b'POST / HTTP/1.1\r\nHost: localhost:8080\r\nContent-Length: 14\r\n\r\n{"a": [1, "b"]}',
    b'POST / HTTP/1.1\r\nHost: localhost:8080\r\nContent-Type: multipart/form-data; boundary="XyZ"\r\n'
    b'Content-Length: %d\r\n\r\n%s' % (len(PARTS), PARTS),
    b'POST / HTTP/1.1\r\nHost: localhost:8080\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
]
# What rules are about: put in anywhere, or in place of something else.
BITS = [b'\r', b'\n', b'\r\n', b'\r\n\r\n', b'\0', b' ', b'\t', b':', b'%', b'%2', b'%ff', b'%00', b'/',
        b'\\', b'..', b'#', b'?', b'&', b'=', b'"', b';', b',', b'--XyZ', b'--', b'\x7f', b'\xff', b'\xc3',
        b'+1', b'HTTP/1.1', b'HTTP/2.0', b'Host: b\r\n', b'Content-Length: 1\r\n',
        b'Transfer-Encoding: x\r\n',
        b'9' * 20, b'x' * 300, b'[' * 50, b'a=1&' * 12, b'A: b\r\n' * 13]

app = Router()


@app.function('/number/*')
def number(n: int, m: float = 0) -> str:
    """A page whose arguments are converted."""
    return f'{n} {m}'


@app.route('/', methods=('GET', 'POST'))
def home(request: Request) -> list[object]:
    """A page that looks at everything."""
    return [len(each) for each in (request.path, request.query, request.POST, request.files,
                                   request.cookies, request.body)]


def generate(seed: int) -> tuple[bytes, list[int]]:
    """The bytes of a case, and where to split them."""
    random_ = random.Random(seed)
    data = bytearray(random_.choice(CORPUS))
    for _ in range(random_.choice((0, 1, 1, 2, 3, 8))):
        start = random_.randrange(len(data) + 1)
        stop = min(len(data), start + random_.choice((0, 0, 1, 2, 10, 100)))
        data[start:stop] = random_.choice((random_.choice(BITS), random_.randbytes(1), data[start:stop] * 2))
    places = sorted(random_.randrange(len(data) + 1) for _ in range(random_.randrange(6)))
    return bytes(data), places


def parsed(pieces: list[bytes]) -> tuple[str, Request | None]:
    """What becomes of a request, in words that can be compared; and the request itself, if there is one."""
    parser, head, body = RequestParser(LIMITS), None, b''
    try:
        for piece in pieces:
            for event in parser.feed(piece):
                if isinstance(event, Head):
                    head = event
                elif isinstance(event, Data):
                    body += event.content
                else:
                    assert head is not None, 'the end came before the head'
                    return f'{head} {body!r}', Request(head.method, head.target, head.headers, body,
                                                       limits=LIMITS)
    except ProtocolError as error:
        assert 400 <= error.status < 600, f'status {error.status}'
        return f'{error.status} {error}', None
    return 'need more', None


def check(seed: int) -> None:
    """Run one case; raises what is wrong."""
    data, places = generate(seed)
    outcome, request = parsed([data])
    splits = [data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)]
    for pieces in (splits, [data[place:place + 1] for place in range(len(data))]):
        other = parsed(pieces)[0]
        assert other == outcome, f'split otherwise it is {other}, not {outcome}'
    if request is not None:
        assert fields(request, request.body) == fields(request, Spool(request.body)), 'spooled, it differs'
    reply = Client(app, limits=LIMITS, admit=Gate(8080).admit).exchange(data)
    assert 200 <= reply.status < 600
    assert reply.status != 500, reply.text


def fields(request: Request, body: bytes | Spool) -> list[str]:
    """What a handler may ask of the request, with the refusals among it."""
    whole, found = Request(request.method, request.target, request.headers, body, limits=LIMITS), []
    for name in ('path', 'query', 'form', 'files', 'cookies', 'json', 'body'):
        try:
            value = getattr(whole, name)
            pairs = value.items() if isinstance(value, Bag) else ()
            found.append(repr([(key, tuple(each) if isinstance(each, FileUpload) else each)
                               for key, each in pairs] or value))
        except KaliError as error:
            assert 400 <= error.status < 500, f'status {error.status}'
            found.append(f'{error.status} {error}')
    if isinstance(body, Spool):
        body.close()
    return found


def main(seconds: float, seed: int) -> int:
    """Run cases until the time is over; 1 if one fails."""
    first, until = seed, time.monotonic() + seconds
    while True:
        try:
            check(seed)
        except Exception:
            traceback.print_exc()
            print(f'{generate(seed)[0]!r}\nfails. Again with: python3 tests/http/fuzz.py 0 {seed}')
            return 1
        seed += 1
        if time.monotonic() >= until:
            print(f'{seed - first} cases from seed {first}: no fault')
            return 0


if __name__ == '__main__':
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0,
                  int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**9)))
