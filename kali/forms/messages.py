"""The sentences of forms by their older address: all of kali's words stand in `kali.locale.words`."""

from kali.locale.words import MESSAGES, say

__all__ = ['MESSAGES', 'say']
