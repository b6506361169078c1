"""Live pages and long work, all of it in the program's one thread, between requests.

    from kali.live import SSE, Channel, EventStream, Jobs, Progress, Schedule
    from kali.live import datastar_response, in_process, in_thread, pause, read_signals
"""

from kali.live.datastar import datastar_response, read_signals
from kali.live.events import Channel, EventStream, pause
from kali.live.jobs import Jobs, Progress
from kali.live.schedule import Schedule
from kali.live.sse import SSE, Event
from kali.live.work import in_process, in_thread

__all__ = ['SSE', 'Channel', 'Event', 'EventStream', 'Jobs', 'Progress', 'Schedule', 'datastar_response',
           'in_process',
           'in_thread', 'pause', 'read_signals']
