"""Listening addresses and ports: checks them, finds a free port, lists the server's names."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
ANYWHERE = ("0.0.0.0", "::")
PORTS = range(7860, 7880)
"""Default ports; the server takes the first free one."""


def is_local(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def in_url(host: str) -> str:
    """Formats a name or address for a URL: an IPv6 address gets brackets."""
    return f"[{host.strip('[]')}]" if ":" in host else host


def names(host: str) -> set[str]:
    """All names of a server that listens on ``host``, lower case."""
    own = {socket.gethostname(), socket.getfqdn(), f"{socket.gethostname()}.local"} if host in ANYWHERE else {host}
    return {name.strip("[]").lower() for name in (*LOCAL_HOSTS, *own)}


def check_address(host: str, port: int) -> None:
    """Checks that the server can listen on an address, before anything is built for it.

    Gradio uses the port on 127.0.0.1 too, whatever the host is.

    Raises:
        OSError: it cannot; the error's file name is the address.
    """
    for tried in (host, "127.0.0.1"):
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                tried.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family, kind, protocol) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(address)
        except (OSError, OverflowError) as error:
            raise OSError(
                getattr(error, "errno", None), getattr(error, "strerror", str(error)), f"{in_url(tried)}:{port}"
            ) from error


def free_port(host: str) -> int:
    """Finds the first free port of ``PORTS``, and prints a note if it is not the first of them.

    Raises:
        OSError: none is free, or this machine does not have the host's address.
    """
    for port in PORTS:
        try:
            check_address(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        if port != PORTS[0]:
            print(f"Port {PORTS[0]} is taken, so the app uses {port}.", file=sys.stderr)
        return port
    span = f"{in_url(host)}:{PORTS[0]} to {PORTS[-1]}"
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), span)
