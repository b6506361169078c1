"""Benchmark: show a form of eight fields, and show it again with two errors; time over writing it by hand.

Every contender makes the same fields with the same roles (label, control, error tied to it), and
handles the same values. Run it with `python tests/benchmarks/forms.py`; WTForms and Django take part if they
are installed. The goals: show at most 5, show again at most 4.
"""

from __future__ import annotations

import html
import os
import re
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from kali.forms import BLANKABLE, DATE, Check, Entry, EnumLens, Formlet, Integer, Memo, Nullable, Pick
from kali.http.request import Request
from kali.multidict import Bag

if TYPE_CHECKING:
    from collections.abc import Callable

RECORD: dict[str, Any] = {
    'name': 'Ada Lovelace', 'email': 'ada@example.org', 'phone': '01234 567890', 'born': '1815-12-10',
    'visits': 7,
    'priority': 1, 'active': True, 'memo': 'Likes <engines>\nand "numbers".'}
POSTED = {'name': '', 'email': 'ada@example.org', 'phone': '01234 567890', 'born': '1815-12-32',
          'visits': '7',
          'priority': '1', 'active': '1', 'memo': RECORD['memo']}
PRIORITIES = ['High', 'Medium', 'Low']


class Contact(Formlet):
    """kali's way."""

    ELEMENTS = {
        'name': Entry(maxlength=80), 'email': Entry(type='email', lens=BLANKABLE),
        'phone': Entry(lens=BLANKABLE),
        'born': Entry(lens=DATE), 'visits': Entry(lens=Nullable(Integer(0, 1000))),
        'priority': Pick(EnumLens(PRIORITIES)), 'active': Check(), 'memo': Memo(lens=BLANKABLE)}

    def __init__(self) -> None:
        super().__init__(self.ELEMENTS)

    def get_native(self) -> Any:
        return RECORD

    def display(self, fields: Any, errors: Any) -> Any:
        return self.form(fields, errors)


def kali_show() -> str:
    return str(Contact().do_GET(Request()))


def kali_again() -> str:
    return str(Contact().do_POST(Request('POST', form=Bag(POSTED))).content)


# By hand: what a careful programmer writes for this one form.

DATE_FORM = re.compile(r'(\d{4})-(\d\d)-(\d\d)')


def row(name: str, label: str, control: str, error: str = '') -> str:
    shown = f'<p class="error" id="{name}-error">{html.escape(error)}</p>' if error else ''
    return f'<div class="field"><label for="{name}">{label}</label>{control}{shown}</div>\n'


def ties(name: str, errors: dict[str, str]) -> str:
    return f' aria-invalid="true" aria-describedby="{name}-error"' if name in errors else ''


def by_hand(record: dict[str, str], errors: dict[str, str], form_id: str) -> str:
    e = html.escape
    picked = record['priority']
    options = ''.join(f'<option value="{i}"{" selected" if picked == str(i) else ""}>{label}</option>'
                      for i, label in enumerate(PRIORITIES))
    summary = ''
    if errors:
        items = ''.join(f'<li><a href="#{name}">{name.capitalize()}: {e(text)}</a></li>'
                        for name, text in errors.items())
        summary = f'<div class="errors" role="alert"><p>Please look at this again:</p><ul>{items}</ul></div>'
    t = {name: ties(name, errors) for name in record} if errors else dict.fromkeys(record, '')
    r = {name: errors.get(name, '') for name in record}
    return (
        f'{summary}<form method="post"><input type="hidden" name="_form_id" value="{form_id}">\n'
        + row('name', 'Name *',
              f'<input{t["name"]} type="text" required maxlength="80" name="name" id="name" '
              f'value="{e(record["name"])}">', r['name'])
        + row('email', 'Email', f'<input{t["email"]} type="email" name="email" id="email" '
              f'value="{e(record["email"])}">', r['email'])
        + row('phone', 'Phone', f'<input{t["phone"]} type="text" name="phone" id="phone" '
              f'value="{e(record["phone"])}">', r['phone'])
        + row('born', 'Born', f'<input{t["born"]} type="date" name="born" id="born" '
              f'value="{e(record["born"])}">', r['born'])
        + row('visits', 'Visits',
              f'<input{t["visits"]} type="number" min="0" max="1000" name="visits" id="visits" '
              f'value="{e(record["visits"])}">', r['visits'])
        + row('priority', 'Priority', f'<select{t["priority"]} name="priority" id="priority">'
              f'<option value=""></option>{options}</select>', r['priority'])
        + row('active', 'Active', f'<input{t["active"]} type="checkbox" name="active" id="active" value="1"'
              f'{" checked" if record["active"] else ""}>', r['active'])
        + row('memo', 'Memo', f'<textarea{t["memo"]} name="memo" id="memo">\n{e(record["memo"])}</textarea>',
              r['memo'])
        + '<p><button type="submit">Save</button></p></form>')


def hand_show() -> str:
    record = {name: str(value) for name, value in RECORD.items()}
    record['active'] = '1' if RECORD['active'] else ''
    return by_hand(record, {}, os.urandom(16).hex())


def hand_again() -> str:
    import datetime
    posted = Request('POST', form=Bag(POSTED)).form
    record = {name: posted.get(name, '') for name in RECORD}
    errors = {}
    if not record['name'].strip():
        errors['name'] = 'may not be blank.'
    if len(record['name']) > 80:
        errors['name'] = 'is too long.'
    if record['email'] and '@' not in record['email']:
        errors['email'] = 'is no e-mail address.'
    if record['born']:
        match = DATE_FORM.fullmatch(record['born'])
        try:
            datetime.date(*map(int, match.groups())) if match else errors.update(born='is no date.')
        except ValueError:
            errors['born'] = 'there is no such date.'
    if record['visits']:
        try:
            visits = int(record['visits'])
            if not 0 <= visits <= 1000:
                errors['visits'] = 'is out of range.'
        except ValueError:
            errors['visits'] = 'is no number.'
    if record['priority'] not in ('', '0', '1', '2'):
        errors['priority'] = 'is none of the choices.'
    return by_hand(record, errors, os.urandom(16).hex())


def wtforms_pair() -> tuple[Callable[[], str], Callable[[], str]]:
    import datetime

    from werkzeug.datastructures import MultiDict  # type: ignore[import-not-found]
    from wtforms import (  # type: ignore[import-not-found]
        BooleanField,
        DateField,
        EmailField,
        Form,
        IntegerField,
        SelectField,
        StringField,
        TextAreaField,
        validators,
    )

    class ContactForm(Form):  # type: ignore[misc]
        name = StringField('Name', [validators.InputRequired(), validators.Length(max=80)])
        email = EmailField('Email')
        phone = StringField('Phone')
        born = DateField('Born', [validators.Optional()])
        visits = IntegerField('Visits', [validators.Optional(), validators.NumberRange(0, 1000)])
        priority = SelectField('Priority', choices=list(enumerate(PRIORITIES)), coerce=int)
        active = BooleanField('Active')
        memo = TextAreaField('Memo')

    record = {**RECORD, 'born': datetime.date(1815, 12, 10)}

    def render(form: Any) -> str:
        return ''.join(f'<div>{field.label()}{field()}' + ''.join(f'<p>{html.escape(e)}</p>'
                                                                  for e in field.errors)
                       + '</div>' for field in form)

    def again() -> str:
        form = ContactForm(MultiDict(POSTED))
        form.validate()
        return render(form)
    return lambda: render(ContactForm(data=record)), again


def django_pair() -> tuple[Callable[[], str], Callable[[], str]]:
    import django  # type: ignore[import-not-found]
    from django import forms  # type: ignore[import-not-found]
    from django.conf import settings  # type: ignore[import-not-found]
    settings.configure(USE_I18N=False)
    django.setup()

    class ContactForm(forms.Form):  # type: ignore[misc]
        name = forms.CharField(max_length=80)
        email = forms.EmailField(required=False)
        phone = forms.CharField(required=False)
        born = forms.DateField(required=False)
        visits = forms.IntegerField(required=False, min_value=0, max_value=1000)
        priority = forms.ChoiceField(choices=list(enumerate(PRIORITIES)))
        active = forms.BooleanField(required=False)
        memo = forms.CharField(required=False, widget=forms.Textarea)

    return lambda: str(ContactForm(initial=RECORD).as_div()), lambda: str(ContactForm(POSTED).as_div())


def best(function: Callable[[], str], seconds: float = 0.4) -> float:
    """The least time of one call, in microseconds, of batches run for about `seconds`."""
    function()
    fastest, batch, end = float('inf'), 20, perf_counter() + seconds
    while perf_counter() < end:
        start = perf_counter()
        for _ in range(batch):
            function()
        fastest = min(fastest, (perf_counter() - start) / batch)
    return fastest * 1e6


def contenders() -> dict[str, tuple[Callable[[], str], Callable[[], str]]]:
    """What can run here: by hand first, then kali, then whichever peers are installed."""
    found = {'by hand': (hand_show, hand_again), 'kali': (kali_show, kali_again)}
    for name, pair in (('WTForms', wtforms_pair), ('Django', django_pair)):
        try:
            found[name] = pair()
        except ImportError:
            print(f'{name}: not installed, so not measured')
    return found


def main() -> None:
    """Print the times and ratios."""
    show_by_hand = again_by_hand = 0.0
    for name, (show, again) in contenders().items():
        assert 'error' not in show() and 'ada@example.org' in again(), name
        first, second = best(show), best(again)
        show_by_hand, again_by_hand = show_by_hand or first, again_by_hand or second
        print(f'{name:8}  show {first:7.1f} µs  x{first / show_by_hand:5.2f}   '
              f'again {second:7.1f} µs  x{second / again_by_hand:5.2f}')


if __name__ == '__main__':
    main()
