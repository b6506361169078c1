"""Heavy computation three ways: in the thread, where all wait; as a coroutine; and in a process of its own.

Count the primes below ten million in the thread, and no other page answers until it is done. In another
process the program stays quick, and each core of the computer does its part. Try it with two windows.
"""

import asyncio
import time
from itertools import pairwise

from kali import Router, Template, serve_http
from kali.live import in_process

app = Router()

page = Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Primes</title>
<link rel="stylesheet" href="/.kali/kali.css"></head>
<body><main><h1>Primes</h1>
<p>{said}</p>
<form action="/thread"><button>In the thread</button> All other pages wait.</form>
<form action="/coroutine"><button>As a coroutine</button> Others get their turn between two parts.</form>
<form action="/process"><button>In a process</button> Nobody waits.</form>
<form action="/processes"><button>In all processes</button> It is ready sooner, too.</form>
</main></body></html>
""")

LIMIT, PARTS = 2_000_000, 8


# What another process is to call stands at the top of a module, where it can find it. The script runs there
# up to serve_http, which knows and does nothing.
def count_primes(start: int, stop: int) -> int:
    """How many primes there are from `start` to below `stop`."""
    sieve = bytearray([1]) * (stop - start)
    for factor in range(2, int(stop ** 0.5) + 1):
        first = max(factor * factor, -(-start // factor) * factor)
        sieve[first - start::factor] = bytes(len(range(first - start, stop - start, factor)))
    return sum(sieve) - sum(1 for number in (0, 1) if start <= number < stop)


def parts() -> list[tuple[int, int]]:
    edges = [LIMIT * number // PARTS for number in range(PARTS + 1)]
    return list(pairwise(edges))


def answer(count: int, since: float) -> str:
    took = time.monotonic() - since
    return page(said=f'There are {count:,} primes below {LIMIT:,}. That took {took:.1f} seconds.')


@app.get('/')
def home():
    return page(said='Which way?')


@app.get('/thread')
def in_the_thread():
    since = time.monotonic()
    return answer(sum(count_primes(*part) for part in parts()), since)


# An `async def` runs in the same thread. At each `await` it hands over; for what it computes in between, the
# others wait.
@app.get('/coroutine')
async def as_a_coroutine():
    since, count = time.monotonic(), 0
    for part in parts():
        count += count_primes(*part)
        await asyncio.sleep(0)
    return answer(count, since)


@app.get('/process')
async def in_one_process():
    since = time.monotonic()
    return answer(await asyncio.wrap_future(in_process(count_primes, 0, LIMIT)), since)


@app.get('/processes')
async def in_all_processes():
    since = time.monotonic()
    futures = [asyncio.wrap_future(in_process(count_primes, *part)) for part in parts()]
    return answer(sum(await asyncio.gather(*futures)), since)


serve_http(app)
