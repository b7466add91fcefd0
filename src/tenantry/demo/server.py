"""Serves the demo with Django's own development server, static files included."""

from __future__ import annotations

import errno
import socket
import sys

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

from tenantry.demo.customers.names import names
from tenantry.demo.customers.seed import PASSWORD
from tenantry.demo.data import DemoError

HOST = "127.0.0.1"


def check_port(port: int) -> None:
    """Raise `DemoError` where the port is taken, before any work is done."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise DemoError(_port_refused(port, error)) from error


def _port_refused(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken. Choose another: make demo PORT={port + 1}."
    return f"Port {port} cannot be used: {error.strerror}. Choose another with PORT=."


def serve(port: int, tenants: int) -> None:
    """Serve until interrupted; the server closes the connections of each thread."""
    with ThreadedWSGIServer((HOST, port), WSGIRequestHandler) as server:
        server.set_app(StaticFilesHandler(get_wsgi_application()))
        sys.stdout.write(welcome(port, tenants))
        sys.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.stdout.write("\nGoodbye. The data stays until the next start.\n")


def welcome(port: int, tenants: int) -> str:
    """Return what to open, and how to sign in."""
    few = "".join(
        f"    http://{name.key}.localhost:{port}/\n" for name in names(min(tenants, 3))
    )
    return (
        f"\n  {tenants:,} tenants, each a Django of its own, are served:\n\n"
        f"    http://localhost:{port}/  lists them all\n{few}\n"
        f"  Each has an admin at /admin/: user <key>, password {PASSWORD}.\n"
        "  Stop with Ctrl+C.\n\n"
    )
