"""Forms: lenses (text to value and back), elements (value to HTML control), formlet (the life of a form)."""

from kali.errors import SaveError, ValidationError
from kali.forms.choices import Boolean, ChoiceLens, Choices, Enum, EnumLens, ListLens
from kali.forms.choosers import Check, CheckMany, Pick, Radio
from kali.forms.derive import elements_from
from kali.forms.elements import Element, Entry, FormElement, Hidden, Memo, Static, tag
from kali.forms.formats import Email, Json, Url
from kali.forms.formlet import Formlet
from kali.forms.lenses import BLANKABLE, NULLABLE, TYPICAL, Lens, List, Nullable, String, StringLens, Test
from kali.forms.rendering import Field as Field
from kali.forms.rendering import Fields as Fields
from kali.forms.rendering import render_form, render_page
from kali.forms.rows import Rows
from kali.forms.schema import elements_from_table
from kali.forms.typed import DATE, REQUIRED_DATE, Date, DateLens, DateTime, Decimal, Float, Integer, Time
from kali.forms.uploads import Upload
from kali.locale.words import MESSAGES

__all__ = ['BLANKABLE', 'DATE', 'MESSAGES', 'NULLABLE', 'REQUIRED_DATE', 'TYPICAL', 'Boolean', 'Check',
           'CheckMany', 'ChoiceLens', 'Choices', 'Date', 'DateLens', 'DateTime', 'Decimal', 'Element',
           'Email', 'Entry', 'Enum', 'EnumLens', 'Float', 'FormElement', 'Formlet',
           'Hidden', 'Integer', 'Json', 'Lens', 'List', 'ListLens', 'Memo', 'Nullable', 'Pick', 'Radio',
           'Rows', 'SaveError', 'Static', 'String', 'StringLens', 'Test', 'Time', 'Upload', 'Url',
           'ValidationError', 'elements_from', 'elements_from_table', 'render_form', 'render_page', 'tag']
