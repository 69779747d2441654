# SPDX-License-Identifier: MIT
"""What tests of access need in files: passwords, and certificates with an authority."""

import os
import subprocess

import case


def password_file(setup, text="open sesame", name="password"):
    path = setup.path(name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text + "\n")
    os.chmod(path, 0o600)
    return path


def openssl(*words):
    try:
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    except FileNotFoundError:
        raise case.Skip("there is no openssl program") from None


def make_certificates(setup):
    """An authority and its certificate for localhost, and a stranger; the options to serve with."""
    for name in ("ca", "stranger"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                "-subj", f"/O=Test/CN={name}", "-keyout", setup.path(f"{name}.key"),
                "-out", setup.path(f"{name}.pem"))
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/O=Test/CN=localhost",
            "-keyout", setup.path("key.pem"), "-out", setup.path("request.pem"))
    with open(setup.path("names"), "w", encoding="ascii") as file:
        file.write("subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n")
    openssl("x509", "-req", "-in", setup.path("request.pem"), "-CA", setup.path("ca.pem"),
            "-CAkey", setup.path("ca.key"), "-CAcreateserial", "-days", "2",
            "-extfile", setup.path("names"), "-out", setup.path("cert.pem"))
    return [f"--tls-cert={setup.path('cert.pem')}", f"--tls-key={setup.path('key.pem')}",
            "--listen=tls:127.0.0.1:0"]
