"""kali.css: small, self-contained, and its colours can be read by everybody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGES = Path(__file__).resolve().parents[2] / 'kali' / 'pages'
CSS = (PAGES / 'kali.css').read_text(encoding='utf-8')


def colours(scheme: str) -> dict[str, str]:
    """The colour variables of :root, light or dark."""
    light, dark = re.findall(r':root \{(.*?)\}', CSS, re.DOTALL)[:2]
    found = dict(re.findall(r'--([a-z0-9-]+): (#[0-9a-f]{6});', light))
    return found if scheme == 'light' else {**found, **dict(re.findall(r'--([a-z0-9-]+): (#[0-9a-f]{6});',
                                                                       dark))}


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
                        for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


BACKGROUNDS = ('page', 'card', 'stripe', 'hover')
PAIRS = [
    *[(text, back, 4.5) for text in ('text', 'soft', 'accent', 'danger') for back in BACKGROUNDS],
    ('danger', 'danger-back', 4.5), ('on-accent', 'accent', 4.5), ('on-accent', 'accent-strong', 4.5),
    ('text', 'mark', 4.5), ('good', 'good-back', 4.5), ('warn', 'warn-back', 4.5),
    *[(text, back, 4.5) for text in ('text', 'soft', 'accent')
      for back in ('danger-back', 'good-back', 'warn-back', 'notice-back')],
    *[(f's{number}', 'card', 3) for number in range(1, 9)],
    ('edge', 'card', 3), ('edge', 'page', 3),
]


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize(('one', 'other', 'least'), PAIRS)
def test_contrast_is_wcag_aa(scheme: str, one: str, other: str, least: float) -> None:
    named = colours(scheme)
    assert contrast(named[one], named[other]) >= least


@pytest.mark.parametrize(('name', 'limit'), [('kali.css', 20 * 1024), ('kali.js', 10 * 1024),
                                             ('undo.js', 2 * 1024)])
def test_the_files_are_small_and_fetch_nothing(name: str, limit: int) -> None:
    path = PAGES / name
    assert path.stat().st_size < limit
    assert not re.search(r'@import|url\(|https?://|fetch\((?!url\))', path.read_text(encoding='utf-8'))
