"""What a page costs while it is made: at most two and a half times its size, however small its pieces."""

import tracemalloc

import pytest

from kali.iolist import flatten
from kali.templates import Template, TemplateLoop

SHAPES = {
    # text, rows, megabytes of the page
    'pieces': ('<?for row in rows?><p>{row}</p><?end?>', ['a' * 93] * 100_000, 10),
    'cells': ('<?for row in rows?><?for cell in row?><i>{cell}<?end?><?end?>', [['a<'] * 20] * 20_000, 3.2),
    'deep': ('<?for x in one?>' * 2 + '<?for row in rows?><?for cell in row?>{cell}-<?end?><?end?>'
             + '<?end?>' * 2, [['abc'] * 20] * 20_000, 1.6),
    'apart': ('<?for x in one?>' * 13 + '<?for row in rows?><?for cell in row?>{cell}-<?end?><?end?>'
              + '<?end?>' * 13, [['abc'] * 20] * 20_000, 1.6),
    'one value': ('<p>{rows}</p>', 'a' * 9_999_993, 10),
    'a list': ('<p>{rows}', ['a' * 10] * 1_000_000, 10),
}


@pytest.mark.parametrize('shape', SHAPES)
def test_a_page_costs_at_most_two_and_a_half_times_its_size(shape):
    text, rows, size = SHAPES[shape]
    template = Template(text)
    template(rows=rows[:1], one=[1])  # compiled
    made, peak = measured(lambda: flatten(template(rows=rows, one=[1])))
    assert len(made) == pytest.approx(size * 1e6, abs=10)
    assert peak < 2.5 * size * 1e6


def test_so_does_a_loop():
    loop = TemplateLoop('', '<i>{a}', '')
    rows = [{'a': 'abcdefg'}] * 200_000
    made, peak = measured(lambda: flatten(loop.loop(rows)))
    assert len(made) == 2_000_000
    assert peak < 2.5 * len(made)


def measured(work):
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
