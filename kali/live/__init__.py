"""Live pages and long work, all of it in the program's one thread, between requests.

    EventStream, Channel    pages that hear of what happens; Event, SSE: what they hear
    Jobs, Progress          long work, with a page that shows how far it is
    Schedule                every minute, every day at six
    in_thread, in_process   what waits, or needs a core of its own; pause: a wait in a job or a stream
    read_signals, datastar_response
                            for pages with Datastar
"""

from kali.live.datastar import datastar_response, read_signals
from kali.live.events import Channel, EventStream, pause
from kali.live.jobs import Jobs, Progress
from kali.live.schedule import Schedule
from kali.live.sse import SSE, Event
from kali.live.work import in_process, in_thread
from kali.names import listed

__all__ = ['SSE', 'Channel', 'Event', 'EventStream', 'Jobs', 'Progress', 'Schedule', 'datastar_response',
           'in_process', 'in_thread', 'pause', 'read_signals']

__dir__ = listed(__all__)
