"""Events: Datastar's golden cases, and that hostile text never makes two events, or two scripts, of one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali.live import SSE, Event
from kali.live.sse import encoded

GOLDEN = Path(__file__).parent / 'datastar'
CASES = sorted(path.parent for path in GOLDEN.glob('*/*/input.json'))


def made(event: dict[str, Any]) -> Event:
    """What a server of Datastar's test suite makes of an entry of `events`."""
    event = dict(event)
    kind = re.sub('[A-Z]', lambda match: '_' + match[0].lower(), event.pop('type'))
    signals = event.pop('signals-raw', None) or event.pop('signals', None)
    named = {re.sub('[A-Z]', lambda match: '_' + match[0].lower(), name): value
             for name, value in event.items()}
    if signals is not None:
        named['signals'] = signals
    return getattr(SSE, kind)(**named)


def parsed(text: str) -> list[dict[str, Any]]:
    """Events with their data lines grouped by the word they begin with, attributes of HTML sorted."""
    events = []
    for block in text.replace('\r\n', '\n').strip('\n').split('\n\n'):
        event: dict[str, Any] = {}
        for line in block.split('\n'):
            name, _, value = line.partition(': ')
            if name == 'data':
                key, _, rest = value.partition(' ')
                event.setdefault(key, []).append(rest)
            else:
                event[name] = value
        if 'elements' in event:
            event['elements'] = re.sub(
                r'<(\w+)((?: [\w-]+="[^"]*")+)>',
                lambda match: f'<{match[1]} {sorted(re.findall(r"[^ ].*?=.*?(?= |$)", match[2]))}>',
                '\n'.join(event['elements']))
        events.append(event)
    return events


@pytest.mark.parametrize('folder', CASES, ids=lambda path: path.name)
def test_golden_cases(folder: Path) -> None:
    events = json.loads((folder / 'input.json').read_text(encoding='utf-8'))['events']
    sent = b''.join(encoded(made(event)) for event in events).decode()
    assert parsed(sent) == parsed((folder / 'output.txt').read_text(encoding='utf-8'))


def test_all_golden_cases_are_there() -> None:
    assert len(CASES) == 20


@pytest.mark.parametrize('event, lines', [
    (SSE.patch_elements('<b/>', namespace='svg'), ['namespace svg', 'elements <b/>']),
    (SSE.patch_elements('<b/>', namespace='html', mode='outer'), ['elements <b/>']),
    (SSE.patch_elements('<b/>', use_view_transition=True, view_transition_selector='#a\n#b'),
     ['useViewTransition true', 'viewTransitionSelector #a #b', 'elements <b/>']),
    (SSE.patch_elements(['<b>', ['x', 1], '</b>']), ['elements <b>x1</b>']),
    (SSE.patch_elements('a\r\nb\rc\nd'), ['elements a', 'elements b', 'elements c', 'elements d']),
    (SSE.patch_elements('a\u2028b\x0bc\x0cd\x85e'), ['elements a\u2028b\x0bc\x0cd\x85e']),
    (SSE.remove_elements('#a\r\n b'), ['mode remove', 'selector #a  b']),
    (SSE.patch_signals('{\n"a": 1}'), ['signals {', 'signals "a": 1}']),
    (SSE.execute_script('x', attributes=['defer', 'type="module"'], auto_remove=False),
     ['mode append', 'selector body', 'elements <script defer type="module">x</script>']),
])
def test_lines_of_data(event: Event, lines: list[str]) -> None:
    assert event.data.split('\n') == lines


@pytest.mark.parametrize('script, inside', [
    ('x = "</script><b>"', r'x = "\x3c/script><b>"'), ('"<!--<SCRIPT>"', r'"\x3c!--\x3cSCRIPT>"'),
    ('a < b', 'a < b'),
])
def test_a_script_stays_one(script: str, inside: str) -> None:
    assert f'>{inside}</script>' in SSE.execute_script(script).data


@pytest.mark.parametrize('make, words', [
    (lambda: encoded(Event('x', id='a\nb')), 'id of an event'),
    (lambda: encoded(Event('x', id='a\0')), 'id of an event'),
    (lambda: encoded(Event('x', event='a\rb')), 'event of an event'),
    (lambda: SSE.patch_elements('x', mode='sideways'), "mode 'sideways'"),
    (lambda: SSE.patch_elements('x', namespace='xml'), "namespace 'xml'"),
    (lambda: SSE.patch_signals({'a': float('nan')}), 'JSON'),
    (lambda: SSE.execute_script('x', attributes={'a b': 1}), 'no name of an attribute'),
    (lambda: SSE.execute_script('x', attributes=['a="<"']), 'no name of an attribute'),
    (lambda: SSE.redirect('//elsewhere.example/'), 'leaves this server'),
    (lambda: SSE.redirect('javascript:alert(1)', external=True), 'begins with http'),
])
def test_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_no_event() -> None:
    with pytest.raises(TypeError, match='is no event'):
        encoded(7)  # type: ignore[arg-type]


@pytest.mark.parametrize('location', ['/a?b=c#d', "/o'neill", '/</script><script>x()</script>', '/"\\u2028'])
def test_a_redirect_is_one_string_of_one_script(location: str) -> None:
    element = SSE.redirect(location).data.partition('elements ')[2]
    tree = html5lib.parseFragment(element, namespaceHTMLElements=False)
    assert len(tree) == 1 and len(tree[0]) == 0
    text = re.fullmatch(r'setTimeout\(\(\) => window\.location = (".*")\)', tree[0].text or '')
    assert text is not None and json.loads(text[1].replace('\\x3c', '<')) == location


@given(st.text(), st.text(), st.text())
def test_whatever_is_in_it_an_event_stays_one(data: str, elements: str, script: str) -> None:
    for event in (Event(data), SSE.patch_elements(elements), SSE.patch_signals({data: script}),
                  SSE.execute_script(script)):
        text = encoded(event).decode()
        assert text.endswith('\n\n') and '\n\n' not in text[:-1] and '\r' not in text
        assert all(re.match('(event|data): |data:', line) for line in text[:-2].split('\n'))
