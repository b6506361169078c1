"""Signing: what comes back changed is told from what was signed, and the key is nobody else's."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali.desktop.signing import Signer
from kali.http.cookies import parse_cookies, set_cookie_value

ROOT = Path(__file__).resolve().parents[2]
SIGNER = Signer(key=b'k' * 32)
TEXT = st.text(st.characters(codec='utf-8'))


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for variable in ('HOME', 'XDG_STATE_HOME', 'LOCALAPPDATA'):
        monkeypatch.setenv(variable, str(tmp_path))
    return tmp_path


@given(TEXT, TEXT)
def test_what_was_signed_comes_back_also_through_a_cookie(name: str, text: str) -> None:
    signed = SIGNER.sign(name, text)
    assert SIGNER.read(name, signed) == text
    field = set_cookie_value('c', signed).partition(';')[0]
    assert field == f'c={signed}'  # nothing in it needs to be escaped
    assert SIGNER.read(name, parse_cookies(field)['c']) == text


@given(TEXT, TEXT, st.data())
def test_any_change_shows(name: str, text: str, data: st.DataObject) -> None:
    signed = SIGNER.sign(name, text)
    index = data.draw(st.integers(0, len(signed) - 1))
    letter = data.draw(st.sampled_from('AZaz09-_.=%\xe9') | st.characters())
    changed = signed[:index] + letter + signed[index + 1:]
    assert changed == signed or SIGNER.read(name, changed) is None
    assert SIGNER.read(name, signed[:index]) is None
    assert SIGNER.read(name, signed + letter) is None
    assert SIGNER.read(name + letter, signed) is None
    assert Signer(key=b'l' * 32).read(name, signed) is None


def test_names_and_texts_are_kept_apart() -> None:
    # Put together without care, these would be the same message.
    payload, code = SIGNER.sign('a', 'bc').split('.')
    for name, other in (('aY', payload[1:]), ('', 'a' + payload), ('1:a', payload)):
        assert SIGNER.read(name, f'{other}.{code}') is None


@pytest.mark.parametrize('signed',
                         [None, '', '.', 'a', 'a.', '.a', 'YQ', '\xe9.\xe9', '\ud800.a', 'a' * 10000,
                                    'YQ.' + '0' * 64])
def test_what_was_never_signed_is_none(signed: str | None) -> None:
    assert SIGNER.read('c', signed) is None


def test_it_is_hmac_sha256() -> None:
    import base64
    import hashlib
    import hmac
    code = hmac.new(b'k' * 32, b'4:roleY2xlcms', hashlib.sha256).digest()
    assert SIGNER.sign('role', 'clerk') == 'Y2xlcms.' + base64.urlsafe_b64encode(code).decode().rstrip('=')


def test_the_key_is_kept_for_this_user_only(state: Path) -> None:
    signed = Signer('Order Book').sign('c', 'text')
    key = next(state.rglob('signing-key'))
    assert len(bytes.fromhex(key.read_text())) == 32
    if os.name == 'posix':
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
        key.chmod(0o644)  # as a backup may bring it back
    assert Signer('Order Book').read('c', signed) == 'text'
    assert os.name != 'posix' or stat.S_IMODE(key.stat().st_mode) == 0o600
    assert Signer('another').read('c', signed) is None
    key.write_text('damaged')
    assert Signer('Order Book').read('c', signed) is None
    assert len(bytes.fromhex(key.read_text())) == 32


def test_a_key_that_cannot_be_kept_is_told_of(state: Path, caplog: pytest.LogCaptureFixture) -> None:
    Signer('book')
    key = next(state.rglob('signing-key'))
    key.unlink()
    key.mkdir()
    signer = Signer('book')
    assert signer.read('c', signer.sign('c', 'text')) == 'text'
    assert 'cannot keep the key for signing' in caplog.text


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match='the key has 5 bytes; it must have at least 32'):
        Signer(key=b'short')


def test_only_who_signs_loads_openssl() -> None:
    script = (f'import sys; sys.path.insert(0, {str(ROOT)!r})\nimport kali, kali.desktop.signing\n'
              'print([name for name in ("hmac", "hashlib", "_hashlib", "secrets") if name in sys.modules])')
    assert subprocess.check_output([sys.executable, '-I', '-S', '-c', script], text=True) == '[]\n'
