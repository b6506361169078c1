"""An application tested in memory: `Client` sends requests, its `Reply` has the forms and links of the page;
an `Event` is one of a stream.

`kali.testing.plugin` is a plugin of pytest with the fixture `kali_client`.
"""

from kali.names import listed
from kali.testing.client import Client, Event, Reply

__all__ = ['Client', 'Event', 'Reply']

__dir__ = listed(__all__)
