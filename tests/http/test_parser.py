"""The parser: every row of the table of rules and answers, however the bytes are split.

Each case is fed whole, byte by byte, split in two at every place, and with bytes after it, and the
outcome is the same. An outcome is what a server can see: head, body, the end, or the status of the refusal.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kali.errors import ProtocolError
from kali.http.limits import Limits
from kali.http.parser import Data, End, Head, RequestParser
from kali.http.request import Request
from tests.windows import cpu_time

HOST = b'Host: localhost:8080\r\n'
GET = b'GET / HTTP/1.1\r\n' + HOST


def outcome(pieces: list[bytes], limits: Limits | None = None) -> tuple[object, ...]:
    """Head and body if the request is whole, `('more', head)` if it is not yet, the refusal else."""
    parser = RequestParser(limits or Limits())
    head: tuple[object, ...] | None = None
    body, whole = b'', False
    try:
        for piece in pieces:
            for event in parser.feed(piece):
                assert not whole, 'an event came after the end'
                if isinstance(event, Head):
                    assert head is None
                    head = (event.method, event.target, event.headers.pairs, event.version, event.authority)
                elif isinstance(event, Data):
                    body += event.content
                else:
                    assert isinstance(event, End)
                    whole = True
    except ProtocolError as error:
        assert 400 <= error.status <= 599
        assert str(error)
        return ('refused', error.status, str(error))
    return (head, body) if whole else ('more', head)


def every_split(data: bytes) -> list[list[bytes]]:
    """Whole, byte by byte, and in two at every place (of long ones, at some)."""
    step = max(1, len(data) // 300)
    splits = [[data[:place], data[place:]] for place in range(1, len(data), step)]
    return [[data], [data[place:place + 1] for place in range(len(data))], *splits]


GOOD = {
    'plain': (GET + b'\r\n', 'GET', '/', '1.1', None, b''),
    'HTTP/1.0': (b'GET /a HTTP/1.0\r\n' + HOST + b'\r\n', 'GET', '/a', '1.0', None, b''),
    'a later 1.x': (b'GET /a HTTP/1.7\r\n' + HOST + b'\r\n', 'GET', '/a', '1.7', None, b''),
    'an empty line before': (b'\r\n' + GET + b'\r\n', 'GET', '/', '1.1', None, b''),
    'query': (b'GET /a?b=c&d=%20 HTTP/1.1\r\n' + HOST + b'\r\n', 'GET', '/a?b=c&d=%20', '1.1', None, b''),
    'body': (b'POST / HTTP/1.1\r\n' + HOST + b'Content-Length: 5\r\n\r\nhello', 'POST', '/', '1.1', None,
             b'hello'),
    'empty body': (b'POST / HTTP/1.1\r\n' + HOST + b'Content-Length: 0\r\n\r\n', 'POST', '/', '1.1', None,
                   b''),
    'no length, no body': (b'POST / HTTP/1.1\r\n' + HOST + b'\r\n', 'POST', '/', '1.1', None, b''),
    'body with line ends': (b'PUT / HTTP/1.1\r\n' + HOST + b'content-length: 8\r\n\r\n\r\n\r\n\r\n\0\n',
                            'PUT', '/', '1.1', None, b'\r\n\r\n\r\n\0\n'),
    'absolute form': (b'GET http://localhost:8080/a?b HTTP/1.1\r\n' + HOST + b'\r\n',
                      'GET', '/a?b', '1.1', 'localhost:8080', b''),
    'absolute form without path': (b'GET HTTP://evil.example?x HTTP/1.1\r\n' + HOST + b'\r\n',
                                   'GET', '/?x', '1.1', 'evil.example', b''),
    'asterisk': (b'OPTIONS * HTTP/1.1\r\n' + HOST + b'\r\n', 'OPTIONS', '*', '1.1', None, b''),
    'IPv6 host': (b'GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n', 'GET', '/', '1.1', None, b''),
    'expectation': (b'POST / HTTP/1.1\r\n' + HOST + b'Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx',
                    'POST', '/', '1.1', None, b'x'),
    'lists in several fields': (GET + b'Cookie: a=1\r\nCookie: b=2\r\nIf-None-Match: "x"\r\n'
                                b'If-None-Match: "y"\r\nAccept: a\r\nAccept: b\r\n\r\n',
                                'GET', '/', '1.1', None, b''),
    'the fields of Chromium': (b'GET /tasks?done=1 HTTP/1.1\r\n' + HOST + b'Connection: keep-alive\r\n'
                               b'sec-ch-ua: "Chromium";v="156", "Not.A/Brand";v="24"\r\n'
                               b'sec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: "Linux"\r\n'
                               b'Upgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux)\r\n'
                               b'Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n'
                               b'Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\n'
                               b'Sec-Fetch-Dest: document\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n'
                               b'Accept-Language: en-US,en;q=0.9\r\nCookie: kali-8080=abc\r\n\r\n',
                               'GET', '/tasks?done=1', '1.1', None, b''),
    'a large head, which is not kept': (GET + b'A: ' + b'x' * 3000 + b'\r\n\r\n', 'GET', '/', '1.1', None,
                                        b''),
    'a form in one packet': (b'POST /save HTTP/1.1\r\n' + HOST + b'Content-Length: 7\r\n'
                             b'Content-Type: application/x-www-form-urlencoded\r\n\r\nname=Jo',
                             'POST', '/save', '1.1', None, b'name=Jo'),
    'blanks around a value': (b'GET / HTTP/1.1\r\nHost:\t localhost \t\r\nA:\r\nB:  \r\n\r\n',
                              'GET', '/', '1.1', None, b''),
}


@pytest.mark.parametrize('name', GOOD)
def test_a_good_request_is_the_same_however_it_comes(name: str) -> None:
    data, method, target, version, authority, body = GOOD[name]
    for pieces in every_split(data):
        head, content = outcome(pieces)
        assert (head[0], head[1], head[3], head[4], content) == (method, target, version, authority, body)
    assert outcome([data + b'GET /more HTTP/1.1\r\n']) == outcome([data])


def with_field(field: bytes) -> bytes:
    return GET + field + b'\r\n\r\n'


BAD = {
    'no host': (400, b'GET / HTTP/1.1\r\nA: b\r\n\r\n'),
    'no field at all': (400, b'GET / HTTP/1.1\r\n\r\n'),
    'two hosts': (400, with_field(b'Host: localhost:8080')),
    'empty host': (400, b'GET / HTTP/1.1\r\nHost:\r\n\r\n'),
    'host with a user': (400, b'GET / HTTP/1.1\r\nHost: a@localhost:8080\r\n\r\n'),
    'host with a path': (400, b'GET / HTTP/1.1\r\nHost: localhost/\r\n\r\n'),
    'host list': (400, b'GET / HTTP/1.1\r\nHost: localhost, evil\r\n\r\n'),
    'host with a long port': (400, b'GET / HTTP/1.1\r\nHost: localhost:808080\r\n\r\n'),
    'request line too long': (414, b'GET /' + b'a' * 8192 + b' HTTP/1.1\r\n' + HOST + b'\r\n'),
    'head too long': (431, with_field(b'A: ' + b'x' * 70000)),
    'head too long, many lines': (431, GET + b''.join(b'A: %s\r\n' % (b'x' * 1000)
                                                      for _ in range(70)) + b'\r\n'),
    'too many fields': (431, GET + b'A: b\r\n' * 100 + b'\r\n'),
    'HTTP/2.0': (505, b'GET / HTTP/2.0\r\n' + HOST + b'\r\n'),
    'HTTP/1.10': (505, b'GET / HTTP/1.10\r\n' + HOST + b'\r\n'),
    'HTTP/0.9': (400, b'GET /\r\n\r\n'),
    'version in small letters': (400, b'GET / http/1.1\r\n' + HOST + b'\r\n'),
    'no version': (400, b'GET / HTTP/\r\n' + HOST + b'\r\n'),
    'two blanks': (400, b'GET  / HTTP/1.1\r\n' + HOST + b'\r\n'),
    'tab for a blank': (400, b'GET\t/ HTTP/1.1\r\n' + HOST + b'\r\n'),
    'blank after the version': (400, b'GET / HTTP/1.1 \r\n' + HOST + b'\r\n'),
    'blank before the method': (400, b' GET / HTTP/1.1\r\n' + HOST + b'\r\n'),
    'blank in the target': (400, b'GET /a b HTTP/1.1\r\n' + HOST + b'\r\n'),
    'fragment': (400, b'GET /a#b HTTP/1.1\r\n' + HOST + b'\r\n'),
    'control character in the target': (400, b'GET /a\x01b HTTP/1.1\r\n' + HOST + b'\r\n'),
    'raw bytes in the target': (400, b'GET /\xc3\xa4 HTTP/1.1\r\n' + HOST + b'\r\n'),
    'no-break space in the target': (400, b'GET /\xa0 HTTP/1.1\r\n' + HOST + b'\r\n'),
    'relative target': (400, b'GET a HTTP/1.1\r\n' + HOST + b'\r\n'),
    'asterisk for GET': (400, b'GET * HTTP/1.1\r\n' + HOST + b'\r\n'),
    'two empty lines before': (400, b'\r\n\r\n' + GET + b'\r\n'),
    'two lengths': (400, with_field(b'Content-Length: 5\r\nContent-Length: 5')),
    'list of lengths': (400, with_field(b'Content-Length: 5, 5')),
    'negative length': (400, with_field(b'Content-Length: -5')),
    'signed length': (400, with_field(b'Content-Length: +5')),
    'hexadecimal length': (400, with_field(b'Content-Length: 0x5')),
    'length in other digits': (400, with_field(b'Content-Length: \xb2')),
    'empty length': (400, with_field(b'Content-Length:')),
    'length of sixteen digits': (400, with_field(b'Content-Length: 1000000000000000')),
    'chunked': (501, with_field(b'Transfer-Encoding: chunked')),
    'chunked in 1.0': (400, b'GET / HTTP/1.0\r\n' + HOST + b'Transfer-Encoding: chunked\r\n\r\n'),
    'chunked with a length': (400, with_field(b'Transfer-Encoding: chunked\r\nContent-Length: 5')),
    'length with chunked': (400, with_field(b'Content-Length: 5\r\nTransfer-Encoding: chunked')),
    'body too large': (413, with_field(b'Content-Length: 67108865')),
    'body of a petabyte': (413, with_field(b'Content-Length: 999999999999999')),
    'folded field': (400, with_field(b'A: b\r\n c')),
    'folded with a tab': (400, with_field(b'A: b\r\n\tc')),
    'folded first field': (400, b'GET / HTTP/1.1\r\n a: b\r\n' + HOST + b'\r\n'),
    'bare LF in the request line': (400, b'GET / HTTP/1.1\n' + HOST + b'\r\n'),
    'bare LF after a field': (400, GET + b'A: b\nC: d\r\n\r\n'),
    'bare LF at the end': (400, GET + b'\n'),
    'bare CR in a value': (400, with_field(b'A: b\rC: d')),
    'bare CR in the request line': (400, b'GET /\rX HTTP/1.1\r\n' + HOST + b'\r\n'),
    'CR CR LF': (400, with_field(b'A: b\r')),
    'NUL in a value': (400, with_field(b'A: b\0c')),
    'NUL in a name': (400, with_field(b'A\0: b')),
    'DEL in a value': (400, with_field(b'A: \x7f')),
    'blank before the colon': (400, with_field(b'A : b')),
    'tab before the colon': (400, with_field(b'A\t: b')),
    'blank in a name': (400, with_field(b'A B: c')),
    'empty name': (400, with_field(b': b')),
    'no colon': (400, with_field(b'A')),
    'name with a bracket': (400, with_field(b'A[1]: b')),
    'name in other letters': (400, with_field(b'\xc4: b')),
    'unknown method': (501, b'BREW / HTTP/1.1\r\n' + HOST + b'\r\n'),
    'small letters': (501, b'get / HTTP/1.1\r\n' + HOST + b'\r\n'),
    'CONNECT': (501, b'CONNECT localhost:80 HTTP/1.1\r\n' + HOST + b'\r\n'),
    'method that is no token': (400, b'G@T / HTTP/1.1\r\n' + HOST + b'\r\n'),
    'another expectation': (417, with_field(b'Expect: a-cake')),
    'two content types': (400, with_field(b'Content-Type: text/plain\r\ncontent-type: text/plain')),
    'two origins': (400, with_field(b'Origin: null\r\nA: b\r\nOrigin: http://localhost:8080')),
    'two ranges': (400, with_field(b'Range: bytes=0-1\r\nRange: bytes=5-6')),
    'two sites': (400, with_field(b'Sec-Fetch-Site: none\r\nSEC-FETCH-SITE: cross-site')),
    'two modes': (400, with_field(b'Sec-Fetch-Mode: cors\r\nSec-Fetch-Mode: navigate')),
    'two destinations': (400, with_field(b'Sec-Fetch-Dest: image\r\nSec-Fetch-Dest: document')),
    'two expectations': (400, with_field(b'Expect: 100-continue\r\nExpect: 100-continue')),
    'two conditions of a range': (400, with_field(b'If-Range: "a"\r\nIf-Range: "b"')),
    'two dates': (400, with_field(b'If-Modified-Since: x\r\nIf-Modified-Since: x')),
    'two referrers': (400, with_field(b'Referer: /a\r\nReferer: /b')),
    'two credentials': (400, with_field(b'Authorization: Basic YQ==\r\nAuthorization: Basic Yg==')),
    'TLS': (400, b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n'),
    'HTTP/2 preface': (505, b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
}


@pytest.mark.parametrize('name', BAD)
def test_a_bad_request_is_refused_the_same_however_it_comes(name: str) -> None:
    status, data = BAD[name]
    expected = outcome([data])
    assert expected[:2] == ('refused', status)
    for pieces in every_split(data):
        assert outcome(pieces) == expected
    assert outcome([data + b'\r\n\r\n' + GET + b'\r\n']) == expected


@pytest.mark.parametrize('fault, sentence', [
    (b'A : b', 'blank before the colon'),
    (b'A: b\r\n c', 'goes on in the next line'),
    (b'A: b\0', 'The value of the header field A has a control character'),
    (b'(: b', 'name of a header field'),
])
def test_the_message_says_what_is_wrong(fault: bytes, sentence: str) -> None:
    assert sentence in str(outcome([with_field(fault)])[2])


@pytest.mark.parametrize('limits, size, status', [
    (Limits(request_line=20), 20, None), (Limits(request_line=20), 21, 414),
    (Limits(head=100), 100, None), (Limits(head=100), 101, 431),
])
def test_a_limit_is_the_last_size_that_is_taken(limits: Limits, size: int, status: int | None) -> None:
    if limits.head == 100:
        start = GET + b'A: '
        data = start + b'x' * (size - len(start) - 4) + b'\r\n\r\n'
        assert len(data) == size
    else:
        data = b'GET /' + b'a' * (size - 14) + b' HTTP/1.1\r\n' + HOST + b'\r\n'
    for pieces in every_split(data):
        result = outcome(pieces, limits)
        assert (result[1] if result[0] == 'refused' else None) == status


@pytest.mark.parametrize('count, refused', [(99, False), (100, True)])
def test_as_many_fields_as_the_limit_says(count: int, refused: bool) -> None:
    data = GET + b'A: b\r\n' * count + b'\r\n'
    for pieces in every_split(data):
        assert (outcome(pieces)[0] == 'refused') is refused


def test_too_large_a_head_may_be_the_cookies_of_others_and_too_large_a_body_says_the_way_back() -> None:
    cookies = outcome([with_field(b'Cookie: ' + b'theme=dark; ' * 6000)])
    assert cookies[:2] == ('refused', 431)
    for words in ('more than 64 KB', 'cookies of other programs', 'Delete the cookies of localhost'):
        assert words in str(cookies[2])
    upload = outcome([b'POST / HTTP/1.1\r\n' + HOST + b'Content-Length: 314572800\r\n\r\n'])
    assert upload[:2] == ('refused', 413)
    for words in ('has 300 MB', 'at most 64 MB', 'Go back', 'Alt and the left arrow', 'smaller file'):
        assert words in str(upload[2])


def head_of(data: bytes) -> Head:
    head = next(RequestParser().feed(data))
    assert isinstance(head, Head)
    return head


@pytest.mark.parametrize('size', [10, 3000], ids=['a head that is kept', 'a head that is not'])
def test_nothing_that_one_request_does_to_its_head_is_seen_by_the_next(size: int) -> None:
    data = with_field(b'Cookie: a=1\r\nX: ' + b'x' * size)
    head = head_of(data)
    headers, before = head.headers, (repr(head), dict(head.headers.last))
    for change in (
            lambda: headers.pairs.append(('A', 'b')), lambda: headers.pairs.clear(),
            lambda: headers.pairs.__setitem__(0, ('A', 'b')), lambda: headers.pairs[0].__setitem__(0, 'A'),
            lambda: headers.last.__setitem__('a', 'b'), lambda: headers.last.clear(),
            lambda: headers.last.pop('host'), lambda: headers.last.update(a='b'),
            lambda: headers.__setitem__('A', 'b'), lambda: headers.__delitem__('host'),
            *(lambda name=name: setattr(headers, name, ()) for name in ('pairs', 'last', 'other')),
            *(lambda name=name: setattr(head, name, 'x') for name in (*Head.__slots__, 'other')),
            *(lambda name=name: delattr(head, name) for name in Head.__slots__),
            lambda: delattr(headers, 'pairs')):
        with pytest.raises((AttributeError, TypeError)):
            change()
    headers.get_list('cookie').append('b=2')
    Request(head.method, head.target, headers).cookies['a'] = 'changed'
    assert (repr(head), dict(headers.last)) == before
    again = head_of(data)
    assert (repr(again), dict(again.headers.last)) == before
    assert Request(again.method, again.target, again.headers).cookies == {'a': '1'}


@pytest.mark.parametrize('field, value', [
    (b'Cookie: name=Zo\xc3\xab', 'name=Zoë'), (b'Cookie: name=Zo\xeb', 'name=Zoë'),
    (b'Cookie: a=Zo\xeb; b=\xd0\x96', 'a=Zoë; b=Ж'), (b'X-Name: \xf0\x9f\x8c\xb3', '🌳'),
    (b'X-Odd: \xff\xfe;\xe2\x82\xac', 'ÿþ;€'),
])
def test_letters_are_utf_8_or_else_latin_1(field: bytes, value: str) -> None:
    for pieces in every_split(with_field(field)):
        head = outcome(pieces)[0]
        assert head[2][-1][1] == value


def test_the_head_comes_before_framing_is_judged() -> None:
    # The gate looks at the head; an outsider is refused by it, whatever length his body claims to have.
    parser = RequestParser()
    events = parser.feed(with_field(b'Transfer-Encoding: chunked'))
    assert isinstance(next(events), Head)
    with pytest.raises(ProtocolError):
        next(events)


def test_after_a_refusal_nothing_more_comes() -> None:
    for _, data in BAD.values():
        parser = RequestParser()
        with pytest.raises(ProtocolError):
            list(parser.feed(data))
        assert list(parser.feed(b'\r\n\r\n' + GET + b'\r\n')) == []


def test_what_a_server_waits_for() -> None:
    parser = RequestParser()
    assert list(parser.feed(b'P')) == []
    list(parser.feed(b'OST / HTTP/1.1\r\n' + HOST + b'Expect: 100-continue\r\nContent-Length: 3\r\n\r\na'))
    assert parser.expects_continue
    assert parser.remaining == 2
    assert not parser.trailing
    list(parser.feed(b'bcd'))
    assert parser.remaining == 0
    assert parser.trailing


def test_nobody_waits_for_leave_in_http_1_0() -> None:
    parser = RequestParser()
    list(parser.feed(b'POST / HTTP/1.0\r\n' + HOST + b'Expect: 100-continue\r\nContent-Length: 3\r\n\r\n'))
    assert not parser.expects_continue


FRAGMENTS = st.sampled_from([
    b'GET / HTTP/1.1\r\n', b'POST /a HTTP/1.1\r\n', HOST, b'Content-Length: 3\r\n', b'\r\n', b'\n', b'\r',
    b'abc', b'\0',
    b' ', b'\t', b':', b'A: b\r\n', b'Expect: 100-continue\r\n', b'Transfer-Encoding: chunked\r\n',
    b'HTTP/1.0'])
LIKE_REQUESTS = st.one_of(
    st.lists(FRAGMENTS, max_size=9).map(b''.join),
    st.tuples(st.sampled_from([each[0] for each in GOOD.values()]), st.integers(0, 80),
              st.binary(max_size=3)).map(
        lambda case: case[0][:case[1]] + case[2] + case[0][case[1]:]),
    st.binary(max_size=60))


@given(LIKE_REQUESTS, st.lists(st.integers(0, 120), max_size=5))
@settings(max_examples=300, deadline=None)
def test_whatever_comes_the_outcome_is_one_of_three_and_splits_do_not_matter(data: bytes,
                                                                             cuts: list[int]) -> None:
    whole = outcome([data])
    assert whole[0] in ('refused', 'more') or isinstance(whole[0], tuple)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert outcome([data[a:b] for a, b in pairwise(places)] or [b'']) == whole
    if whole[0] == 'refused':
        assert outcome([data, b'more']) == whole


LARGE = Limits(request_line=10**7, head=10**7, fields=10**6)


def seconds(data: bytes, piece: int) -> float:
    best = 9.9
    for _ in range(3):
        begin = cpu_time()  # of this process alone: whatever else the machine does
        outcome([data[place:place + piece] for place in range(0, len(data), piece)], LARGE)
        best = min(best, cpu_time() - begin)
    return best


@pytest.mark.parametrize('piece, build', [
    (10**9, lambda n: with_field(b'A:' + b' ' * n + b'\x01')),
    (10**9, lambda n: with_field(b'A: ' + b'a ' * n + b'\x01')),
    (10**9, lambda n: with_field(b'A: b' + b' ' * n + b'\x01')),
    (10**9, lambda n: GET + b'A: b\r\n' * (n // 6) + b'C\r\n\r\n'),
    (10**9, lambda n: b'GET ' + b'/' * n + b'\r\n\r\n'),
    (64, lambda n: GET + b'A: b\r\n' * (n // 2) + b'\r\n'),
    (64, lambda n: with_field(b'A: ' + b'b' * (n * 3))),
], ids=['blanks', 'words', 'blanks inside', 'fields', 'slashes', 'many lines in pieces',
        'one line in pieces'])
def test_eight_times_the_bytes_cost_about_eight_times_the_time(piece: int, build) -> None:
    # What costs the square of its length would take sixty-four times as long.
    small, large = seconds(build(20_000), piece), seconds(build(160_000), piece)
    assert large < 30 * small + 0.01
