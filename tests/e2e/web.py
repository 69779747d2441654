# SPDX-License-Identifier: MIT
"""A browser as the viewer: spice-html5 in headless Chromium, by WebSocket through the same port.

A page of ours runs spice-html5's session and, when it is asked, posts the pixels of its canvas here.
"""

import contextlib
import http.server
import os
import queue
import shutil
import subprocess
import threading

import case
from access_files import make_certificates, password_file

SCRIPTS = "/usr/share/spice-html5"
SIZE = (640, 480)

PAGE = """<!doctype html>
<meta charset="utf-8">
<div id="spice-area"><div id="spice-screen" class="spice-screen"></div></div>
<div id="message-div"></div>
<script type="module">
import { SpiceMainConn } from "/main.js";
const words = new URLSearchParams(location.search);
const tell = (path, body) => fetch(path, { method: "POST", body: body });
const session = new SpiceMainConn({
	uri: words.get("uri"), screen_id: "spice-screen", message_id: "message-div",
	password: words.get("password"),
	onerror: (error) => tell("/error", String(error)),
	onsuccess: () => tell("/success", ""), onagent: () => {},
});
async function follow() {
	for (;;) {
		const command = await (await fetch("/command")).text();
		const canvas = document.querySelector("#spice-screen canvas");
		if (command === "shot" && !canvas) {
			await tell("/pixels", "");
		} else if (command === "shot") {
			const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
			await tell("/pixels?" + canvas.width + "x" + canvas.height, data.data);
		}
	}
}
follow();
</script>
"""


class Page(http.server.BaseHTTPRequestHandler):
    """The files of spice-html5, the page, and the way between it and the test."""

    protocol_version = "HTTP/1.1"

    def answer(self, body, kind="text/plain", code=200):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/":
            self.answer(PAGE.encode(), "text/html")
        elif path == "/command":
            try:
                self.answer(self.server.commands.get(timeout=20).encode())
            except queue.Empty:
                self.answer(b"")
        else:
            name = os.path.normpath(SCRIPTS + path)
            if name.startswith(SCRIPTS + "/") and os.path.isfile(name):
                with open(name, "rb") as file:
                    kind = "text/javascript" if name.endswith(".js") else "text/plain"
                    self.answer(file.read(), kind)
            else:
                self.answer(b"", code=404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(b"")
        self.server.told.put((self.path, body))

    def log_message(self, *_):
        pass


class Browser:
    def __init__(self, setup, uri, password=""):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.server.daemon_threads = True
        self.server.commands = queue.Queue()
        self.server.told = queue.Queue()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        address = "http://127.0.0.1:{}/?uri={}&password={}".format(
            self.server.server_port, uri, password)
        profile = setup.path("chromium")
        self.log = open(setup.path("chromium.log"), "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(
            [chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-extensions", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--ignore-certificate-errors",
             "--remote-debugging-port=0", f"--user-data-dir={profile}", address],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)

    def wait(self, path, seconds=60):
        """The next thing that the page tells of this kind."""
        while True:
            try:
                told, body = self.server.told.get(timeout=seconds)
            except queue.Empty:
                self.log.seek(0)
                raise AssertionError(f"the page told no {path} within {seconds} s; Chromium said "
                                     f"{self.log.read()[-2000:]}") from None
            if told.startswith(path):
                return told, body
            if told.startswith("/error") and path != "/error":
                raise AssertionError(f"spice-html5: {body.decode()}")

    def shot(self):
        """Size and RGBA bytes of the canvas, or None while there is none."""
        self.server.commands.put("shot")
        told, body = self.wait("/pixels")
        if "?" not in told:
            return None
        width, height = map(int, told.split("?")[1].split("x"))
        return (width, height), body

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.server.shutdown()
        self.server.server_close()
        self.log.close()


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return name
    raise case.Skip("there is no chromium here (Debian: chromium)")


@contextlib.contextmanager
def browser(setup, uri, password=""):
    chromium()
    if not os.path.exists(f"{SCRIPTS}/main.js"):
        raise case.Skip(f"{SCRIPTS} is not there (Debian: spice-html5)")
    b = Browser(setup, uri, password)
    try:
        yield b
    finally:
        b.close()


def same(shot, reference):
    if not shot or shot[0] != SIZE:
        return False
    with open(reference, "rb") as file:
        want = file.read()
    rgba = shot[1]
    return rgba[0::4] == want[2::4] and rgba[1::4] == want[1::4] and rgba[2::4] == want[0::4]


def sees(b, page, uri_name):
    """Two pictures of the guest, each exact, one after the other."""
    pictures = []
    for _ in range(2):
        b.pause()
        reference = b.reference()
        case.wait_for(f"the picture by {uri_name}", 30, lambda: same(page.shot(), reference))
        with open(reference, "rb") as file:
            pictures.append(file.read())
        b.resume()
        b.rect(10, 10, 100, 100, 0xc04020)
    case.check(pictures[0] != pictures[1], "both pictures are the same")


def plain(setup):
    path = password_file(setup, "sesame")
    with setup.bridge("640x480,scene=desktop", [f"--password-file={path}"]) as b:
        with browser(setup, f"ws://127.0.0.1:{b.tcp_address[1]}", "sesame") as page:
            sees(b, page, "ws")
        counters = b.counters()["viewers"]
        case.check(counters["by_peer"] >= 3, f"{counters}")
        with browser(setup, f"ws://127.0.0.1:{b.tcp_address[1]}", "wrong") as page:
            _, error = page.wait("/error")
            return f"a wrong password: {error.decode()}"


def tls(setup):
    """By wss:, and beside a viewer that is no browser."""
    with setup.bridge("640x480,scene=desktop",
                      ["--max-viewers=2", *make_certificates(setup)]) as b:
        case.wait_for("the address for TLS", 5, lambda: len(b.uris) == 3)
        port = b.uris[2].rsplit("=", 1)[1]
        with setup.client(b.unix) as viewer:
            viewer.size(*SIZE)
            with browser(setup, f"wss://127.0.0.1:{port}") as page:
                sees(b, page, "wss")
                b.pause()
                viewer.compare(b.reference())
                b.resume()


def refused(setup):
    """Where nothing is asked of a viewer, no web page gets in; --no-auth says that it may."""
    with setup.bridge("640x480,scene=desktop") as b:
        with browser(setup, f"ws://127.0.0.1:{b.tcp_address[1]}") as page:
            page.wait("/error")
        case.check(b.counters()["viewers"]["web_refused"] > 0, "it was something else")
        with setup.client(b.tcp) as viewer:
            viewer.size(*SIZE)
    with setup.bridge("640x480,scene=desktop", ["--no-auth"]) as b:
        with browser(setup, f"ws://127.0.0.1:{b.tcp_address[1]}") as page:
            sees(b, page, "ws")


case.main(plain, tls, refused)
