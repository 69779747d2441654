# SPDX-License-Identifier: MIT
"""The real remote-viewer, on a screen of its own, shows what the guest shows.

The screenshot stays in the build directory, remote-viewer-RENDERER.png, to be looked at.
"""

import os
import shutil
import subprocess
import time

import access_files
import case

GUEST = (1024, 768)
SCREEN = (1280, 960)


class Screen:
    """An X server without a monitor."""

    def __init__(self):
        read, write = os.pipe()
        self.process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "{}x{}x24".format(*SCREEN),
             "-nolisten", "tcp"], pass_fds=(write,), stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as pipe:
            self.display = ":" + pipe.readline().strip()
        if self.display == ":":
            raise case.Skip("Xvfb did not start")

    def shot(self, path):
        """Saves a PNG and returns rows of RGB bytes."""
        subprocess.run(["import", "-display", self.display, "-window", "root", path], check=True,
                       capture_output=True)
        data = subprocess.run(["convert", path, "-depth", "8", "rgb:-"], check=True,
                              capture_output=True).stdout
        width = SCREEN[0] * 3
        return [data[i:i + width] for i in range(0, len(data), width)]

    def close(self):
        self.process.terminate()
        self.process.wait()


def read_reference(path):
    """Rows of RGB bytes from an XRGB8888 file."""
    with open(path, "rb") as file:
        data = file.read()
    rgb = bytearray(len(data) // 4 * 3)
    rgb[0::3], rgb[1::3], rgb[2::3] = data[2::4], data[1::4], data[0::4]
    width = GUEST[0] * 3
    return [bytes(rgb[i:i + width]) for i in range(0, len(rgb), width)]


def place(screen, picture):
    """Where the picture lies on the screen, pixel for pixel, or None.

    Rows that X's own things may cover (a window border) are left out at each end, and so is a strip
    in which a pointer of the viewer may lie: 95 of 100 rows have to be there.
    """
    middle = len(picture) // 2
    for y, row in enumerate(screen):
        at = row.find(picture[middle])
        while at >= 0 and at % 3:
            at = row.find(picture[middle], at + 1)
        if at < 0:
            continue
        top = y - middle
        same = sum(1 for i, want in enumerate(picture) if 0 <= top + i < len(screen) and
                   screen[top + i][at:at + len(want)] == want)
        if same >= len(picture) * 95 // 100:
            return at // 3, top, same
    return None


def check_title(display, title):
    """Some window of the display has this in its title."""
    done = subprocess.run(["xdotool", "search", "--name", title], capture_output=True, text=True,
                          env={**os.environ, "DISPLAY": display}, check=False)
    case.check(done.stdout.strip(), f"no window is called {title!r}")


def watch(setup, options, argument, title=None):
    """remote-viewer, started with argument(bridge), shows the guest."""
    for tool in ("Xvfb", "remote-viewer", "import", "convert", *(("xdotool",) if title else ())):
        if not shutil.which(tool):
            raise case.Skip(f"no {tool} here")
    png = os.path.join(setup.build, f"remote-viewer-{setup.renderer}.png")
    screen = Screen()
    try:
        with setup.bridge("{}x{},scene=desktop".format(*GUEST), options) as b:
            environment = {**os.environ, "DISPLAY": screen.display, "HOME": setup.directory,
                           "XDG_RUNTIME_DIR": setup.directory, "NO_AT_BRIDGE": "1",
                           "GSETTINGS_BACKEND": "memory"}
            environment.pop("WAYLAND_DISPLAY", None)
            with open(setup.path("viewer.log"), "w", encoding="utf-8") as log:
                viewer = subprocess.Popen(["remote-viewer", argument(b)], env=environment,
                                          stdout=log, stderr=log)
            try:
                case.wait_for("a frame for remote-viewer", 40,
                              lambda: b.counters()["spice"]["frames"] > 3)
                time.sleep(1)
                b.pause()
                picture = read_reference(b.reference())
                end = time.monotonic() + 30
                while True:
                    found = place(screen.shot(png), picture)
                    if found:
                        break
                    case.check(time.monotonic() < end,
                               f"the guest's picture is not on the screen: see {png}")
                    case.check(viewer.poll() is None, "remote-viewer ended")
                    time.sleep(0.5)
                colours = len(set(b"".join(picture)[i:i + 3] for i in range(0, 3000000, 999)))
                case.check(colours > 4, "the guest's picture is too plain to tell anything")
                if title:
                    check_title(screen.display, title)
            finally:
                viewer.kill()
                viewer.wait()
        return f"{found[2]} of {len(picture)} rows pixel for pixel at {found[:2]}, {png}"
    finally:
        screen.close()


def remote_viewer(setup):
    return watch(setup, ["--name=The guest"], lambda b: b.unix, "The guest")


def file_text(setup, *options):
    """What viewer-file prints, and whether that can be a viewer's own."""
    return subprocess.run([setup.program, "viewer-file", *options], capture_output=True, text=True,
                          check=True).stdout


def write_file(setup, *options):
    path = setup.path("guest.vv")
    with open(path, "w", encoding="utf-8") as file:
        file.write(file_text(setup, *options))
    return path


def unix_file(setup):
    """The file that viewer-file prints for a unix socket, with the password in it."""
    options = [f"--password-file={access_files.password_file(setup)}", "--name=Guest, by file"]

    def argument(b):
        return write_file(setup, f"--listen=unix:{b.socket_path}", "--with-password", *options)
    note = watch(setup, options, argument, "Guest, by file")
    case.check(not os.path.exists(setup.path("guest.vv")), "the file with the password is there yet")
    return note


def tls_file(setup):
    """The same for TLS: the authority and the name of the server are in the file."""
    options = [*access_files.make_certificates(setup), f"--tls-ca={setup.path('ca.pem')}"]

    def argument(b):
        case.wait_for("the address for TLS", 5, lambda: len(b.uris) == 3)
        port = b.uris[2].rsplit("=", 1)[1]
        return write_file(setup, f"--listen=tls:127.0.0.1:{port}", *options[:2], options[3],
                          "--name=Guest in TLS")
    return watch(setup, options, argument, "Guest in TLS")


case.main(remote_viewer, unix_file, tls_file)
