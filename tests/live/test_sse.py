"""Events: Datastar's golden cases, and that hostile text never makes two events, or two scripts, of one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kali.live import SSE, Event
from kali.live.sse import encoded
from kali.testing.reply import events_in

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


HOSTILE = st.one_of(st.text(), st.lists(st.sampled_from([
    '\n', '\r', '\r\n', '\0', '\u2028', '\u2029', '\x0b', '\x0c', '\x85', '\x1c', ' ', ':', 'data: ',
    'id: 7', 'event: x', 'retry: 1', '</script>', '</SCRIPT ', '<script>', '<!--', '-->', ']]>', '"', "'",
    '`', '\\', '${x}', '&quot;', '<', '>', '=', '/', '#', 'elements x', 'selector y', 'x', 'ü', '\ufeff',
    '\U0001f600', '\ud800', '//a', 'javascript:'])).map(''.join))


def lines(text: str) -> str:
    """As a browser has a text that came in lines, and in UTF-8."""
    return re.sub('\r\n|\r', '\n', text).encode('utf-8', 'replace').decode()


def heard(event: Event, kind: str = 'message') -> tuple[str, str]:
    """The data and the id of the one event that a browser reads."""
    try:
        sent = encoded(event)
    except ValueError as error:  # it would not stay one
        assert re.search(r'has a line break or NUL in it', str(error))
        assert re.search('[\n\r\0]', event.event + event.id)
        return '', ''
    (one,) = events_in([sent])
    assert one.event == kind and sent.count(b'\n\n') == 1 and b'\r' not in sent
    return one.data, one.id


def fields(data: str) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for line in data.split('\n'):
        found.setdefault(line.partition(' ')[0], []).append(line.partition(' ')[2])
    return {name: '\n'.join(values) for name, values in found.items()}


def script_in(event: Event) -> Any:
    """The one script that a browser makes of an event which has one run."""
    data = fields(heard(event, 'datastar-patch-elements')[0])
    assert set(data) == {'mode', 'selector', 'elements'}
    tree = html5lib.parseFragment(data['elements'], namespaceHTMLElements=False)
    (element,) = tree
    assert element.tag == 'script' and not element.tail and not (tree.text or '')
    return element


@settings(deadline=None)
@given(HOSTILE)
def test_whatever_is_in_an_argument_an_event_stays_one(text: str) -> None:
    patch, elements, kind = SSE.patch_elements, fields, 'datastar-patch-elements'
    assert heard(Event(text))[0] == lines(text)
    assert fields(heard(SSE.notify(text), 'kali-notify')[0]) == {'text': lines(text)}
    assert elements(heard(patch('x' + text), kind)[0]) == {'elements': 'x' + lines(text)}
    one_line = re.sub('\r\n|\r|\n', ' ', lines('s' + text))
    assert elements(heard(patch('x', selector='s' + text), kind)[0]) == {
        'selector': one_line, 'elements': 'x'}
    data = heard(patch('x', view_transition_selector='s' + text), kind)[0]
    assert elements(data) == {'viewTransitionSelector': one_line, 'elements': 'x'}
    removed = heard(SSE.remove_elements('s' + text), kind)[0]
    assert elements(removed) == {'selector': one_line, 'mode': 'remove'}
    for event in (patch('x', event_id=text), SSE.patch_signals({}, event_id=text),
                  SSE.execute_script('x', event_id=text), SSE.remove_elements('x', event_id=text)):
        heard(event, event.event)
        if not re.search('[\n\r\0]', text):
            assert encoded(event).decode().count(f'\nid: {lines(text)}\n') == bool(text)
    for name in ('mode', 'namespace'):
        with pytest.raises(ValueError, match=f'{name} .* is one of'):
            patch('x', **{name: 'x' + text})  # type: ignore[arg-type]


@settings(deadline=None)
@given(HOSTILE, HOSTILE)
def test_signals_come_as_they_are(name: str, value: str) -> None:
    signals, kind = {name: value, 'a': [value, None, 1.5]}, 'datastar-patch-signals'
    data = fields(heard(SSE.patch_signals(signals), kind)[0])
    sent = json.dumps(signals, ensure_ascii=False).encode('utf-8', 'replace')
    assert json.loads(data['signals']) == json.loads(sent)
    assert fields(heard(SSE.patch_signals('{' + value), kind)[0]) == {'signals': '{' + lines(value)}


@settings(deadline=None)
@given(HOSTILE)
def test_a_script_stays_one_whatever_is_in_it(text: str) -> None:
    def shown(text: str) -> str:
        return lines(text).replace('\0', '\ufffd')
    inside = script_in(SSE.execute_script(text)).text or ''
    assert inside.replace('\\x3c', '<') == shown(text).replace('\\x3c', '<')
    element = script_in(SSE.execute_script('x', attributes={'data-x': text}))
    assert (element.get('data-x'), element.text) == (shown(text), 'x')
    for attributes in ({text: 'y'}, [text], [f'a="{text}"']):
        try:
            element = script_in(SSE.execute_script('x', attributes=attributes))
        except ValueError as error:
            assert 'no name of an attribute' in str(error)
        else:
            assert element.text == 'x' and len(element.attrib) == 2
    try:
        element = script_in(SSE.redirect(text))
    except ValueError as error:
        assert 'redirect to' in str(error)
    else:
        found = re.fullmatch(r'setTimeout\(\(\) => window\.location = (".*")\)', element.text)
        assert found is not None and json.loads(found[1].replace('\\x3c', '<')) == text
