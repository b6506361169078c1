"""Forms: lenses (text to value and back), elements (value to HTML control), formlet (the life of a form)."""

from kali.errors import SaveError, ValidationError
from kali.forms.choices import Boolean, ChoiceLens, Choices, Enum, EnumLens, ListLens
from kali.forms.choosers import Check, Pick, Radio
from kali.forms.elements import Element, Entry, FormElement, Hidden, Memo, Upload, tag
from kali.forms.formlet import Formlet
from kali.forms.lenses import BLANKABLE, NULLABLE, TYPICAL, Lens, List, Nullable, String, StringLens, Test
from kali.forms.messages import MESSAGES
from kali.forms.rendering import Field, Fields, render_form, render_page
from kali.forms.typed import DATE, REQUIRED_DATE, Date, DateLens, DateTime, Decimal, Float, Integer, Time

__all__ = ['BLANKABLE', 'DATE', 'MESSAGES', 'NULLABLE', 'REQUIRED_DATE', 'TYPICAL', 'Boolean', 'Check',
           'ChoiceLens', 'Choices', 'Date', 'DateLens', 'DateTime', 'Decimal', 'Element', 'Entry', 'Enum',
           'EnumLens', 'Field', 'Fields', 'Float', 'FormElement', 'Formlet', 'Hidden', 'Integer', 'Lens',
           'List', 'ListLens', 'Memo', 'Nullable', 'Pick', 'Radio', 'SaveError', 'String', 'StringLens',
           'Test', 'Time', 'Upload', 'ValidationError', 'render_form', 'render_page', 'tag']
