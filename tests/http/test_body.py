"""Body: pieces in, all of them out, wherever they were kept meanwhile."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali.http import body as body_module
from kali.http.body import Body
from kali.http.spool import IN_MEMORY, Spool


@given(pieces=st.lists(st.binary(max_size=40), max_size=12))
def test_what_is_appended_comes_out_in_memory_or_in_a_spool(pieces: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(body_module, 'IN_MEMORY', 100)
        body = Body()
        for piece in pieces:
            body.append(piece)
        whole, joined = body.whole(), b''.join(pieces)
        assert whole[:] == joined == body.whole()[:]
        assert isinstance(whole, Spool) == (len(joined) > 100 and joined not in pieces)
        body.close()
        body.close()


def test_a_large_body_costs_no_memory_and_its_file_goes_with_it() -> None:
    body, piece = Body(), b'x' * 65536
    tracemalloc.start()
    try:
        for _ in range(128):
            body.append(piece)
        assert tracemalloc.get_traced_memory()[1] < 2 * IN_MEMORY + 400_000
    finally:
        tracemalloc.stop()
    whole = body.whole()
    assert isinstance(whole, Spool) and len(whole) == 128 * 65536
    body.close()
    with pytest.raises(ValueError, match='its request is over'):
        _ = whole[:1]


def test_many_small_pieces_cost_about_their_size() -> None:
    body = Body()
    tracemalloc.start()
    try:
        for _ in range(100_000):
            body.append(b'x')
        assert tracemalloc.get_traced_memory()[1] < 400_000
    finally:
        tracemalloc.stop()
    assert body.whole() == b'x' * 100_000
