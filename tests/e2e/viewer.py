# SPDX-License-Identifier: MIT
"""The real remote-viewer, on a screen of its own, shows what the guest shows.

The screenshot stays in the build directory, remote-viewer-RENDERER.png, to be looked at.
"""

import os
import shutil
import subprocess
import time

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


def remote_viewer(setup):
    for tool in ("Xvfb", "remote-viewer", "import", "convert"):
        if not shutil.which(tool):
            raise case.Skip(f"no {tool} here")
    png = os.path.join(setup.build, f"remote-viewer-{setup.renderer}.png")
    screen = Screen()
    try:
        with setup.bridge("{}x{},scene=desktop".format(*GUEST)) as b:
            environment = {**os.environ, "DISPLAY": screen.display, "HOME": setup.directory,
                           "XDG_RUNTIME_DIR": setup.directory, "NO_AT_BRIDGE": "1",
                           "GSETTINGS_BACKEND": "memory"}
            environment.pop("WAYLAND_DISPLAY", None)
            with open(setup.path("viewer.log"), "w", encoding="utf-8") as log:
                viewer = subprocess.Popen(["remote-viewer", b.unix], env=environment, stdout=log,
                                          stderr=log)
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
            finally:
                viewer.kill()
                viewer.wait()
        return f"{found[2]} of {len(picture)} rows pixel for pixel at {found[:2]}, {png}"
    finally:
        screen.close()


case.main(remote_viewer)
