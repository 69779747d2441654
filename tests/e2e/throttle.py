# SPDX-License-Identifier: MIT
"""A viewer behind 20 Mbit/s sees a fresh picture, and frames do not pile up before it."""

import bisect
import subprocess
import time

import case
import client
import link

MBIT = 20
AGE_LIMIT = 0.5  # seconds, p95
WAITING_LIMIT = 3  # frames


def read_numbers(path):
    with open(path, encoding="ascii") as file:
        rows = [line.split() for line in file]
    return [tuple(map(int, row)) for row in rows if row and all(w.isdigit() for w in row)]


def ages(stamps):
    """The age of the picture on the canvas at each millisecond, seconds."""
    out = []
    for (written, arrived, *_), (_, until, *_) in zip(stamps, stamps[1:]):
        out += [(t - written) / 1e9 for t in range(arrived, until, 1000000)]
    return sorted(out)


def waiting(stamps, trace):
    """At each arrival, how many frames had been given out that were newer than the one arriving."""
    given = sorted(row[1] for row in trace if row[1])
    begins = sorted(row[0] for row in trace if row[1])
    out = []
    for written, arrived, *_ in stamps:
        carried = bisect.bisect_left(begins, written)
        out.append(max(0, bisect.bisect_right(given, arrived) - carried - 1))
    return out


def throttled(setup, size, seconds):
    width, height = map(int, size.split("x"))
    memory = setup.path("memory")
    stamps_path, trace_path = setup.path("stamps"), setup.path("trace")
    narrow, why = link.namespace(MBIT)
    painter = subprocess.Popen([setup.painter, memory, size, "scroll"], stdout=subprocess.PIPE,
                               text=True)
    proxy = None
    try:
        case.check(painter.stdout.readline().strip() == "ready", "the painter did not begin")
        options = [f"--trace={trace_path}", "--compression=lz4"]
        if narrow:
            options += [f"--listen=tcp:{narrow.here}:0", "--no-auth"]
        with setup.bridge(f"{size},memory={memory}", options, tcp=not narrow, unix=False,
                          control=False) as b:
            case.wait_for("an address", 10, lambda: b.uris)
            if narrow:
                way = f"network namespace, tc tbf {MBIT} Mbit/s"
                viewer = client.Client(narrow.prefix[0], *narrow.prefix[1:], setup.probe,
                                       b.uris[0])
            else:
                way = f"proxy of {MBIT} Mbit/s, as there is no namespace ({why})"
                proxy = link.Proxy(b.tcp_address, MBIT)
                viewer = client.Client(setup.probe, f"spice://127.0.0.1:{proxy.port}")
            try:
                viewer.connected(20000)
                viewer.size(width, height, 20000)
                time.sleep(2)
                viewer.do(f"latency on {stamps_path}")
                before = viewer.bytes()["display"]
                time.sleep(seconds)
                received = viewer.bytes()["display"] - before
                viewer.do("latency off")
            finally:
                viewer.kill()
            stamps, trace = read_numbers(stamps_path), read_numbers(trace_path)
    finally:
        painter.kill()
        painter.wait()
        if proxy:
            proxy.close()
        if narrow:
            narrow.close()
    case.check(len(stamps) > 2 * seconds, f"only {len(stamps)} pictures in {seconds} s")
    old = ages(stamps)
    p50, p95 = old[len(old) // 2], old[len(old) * 95 // 100]
    most = max(waiting(stamps, trace))
    note = (f"{size} over {way}: {len(stamps) / seconds:.1f} fps, "
            f"{received * 8 / seconds / 1e6:.1f} Mbit/s, picture age p50 {p50 * 1000:.0f} ms, "
            f"p95 {p95 * 1000:.0f} ms, at most {most} frames waiting")
    case.check(p95 <= AGE_LIMIT, note)
    case.check(most <= WAITING_LIMIT, note)
    return note


def scroll_720p(setup):
    return throttled(setup, "1280x720", 8)


def scroll_1080p(setup):
    if not setup.full:
        raise case.Skip("only with --full")
    return throttled(setup, "1920x1080", 20)


case.main(scroll_720p, scroll_1080p)
