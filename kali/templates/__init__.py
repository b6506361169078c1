"""Templates: HTML with placeholders, escaped for where they stand, compiled to Python."""

from kali.templates.folder import TemplateFolder
from kali.templates.template import Template, TemplateLoop

__all__ = ['Template', 'TemplateFolder', 'TemplateLoop']
