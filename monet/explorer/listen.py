"""Where the server listens: addresses, ports, and what a server there is called."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
ANYWHERE = ("0.0.0.0", "::")
PORTS = range(7860, 7880)
"""Ports to listen on where nobody names one: the first that is free."""


def is_local(host: str) -> bool:
    """Whether only programs on this machine can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def in_url(host: str) -> str:
    """A name or an address as a URL writes it: an IPv6 address stands in brackets."""
    return f"[{host.strip('[]')}]" if ":" in host else host


def names(host: str) -> set[str]:
    """What a server that listens on ``host`` is called, lower case."""
    own = {socket.gethostname(), socket.getfqdn(), f"{socket.gethostname()}.local"} if host in ANYWHERE else {host}
    return {name.strip("[]").lower() for name in (*LOCAL_HOSTS, *own)}


def check_address(host: str, port: int) -> None:
    """Whether an address can be listened on, before anything is built for it.

    Gradio tries the port on 127.0.0.1 too, whatever the host is.

    Raises:
        OSError: it cannot, with the address as the error's file name.
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
    """The first of ``PORTS`` that is free; says so where it is not the first of all.

    Raises:
        OSError: none is free, or the host is none of this machine.
    """
    for port in PORTS:
        try:
            check_address(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        if port != PORTS[0]:
            print(f"Port {PORTS[0]} is taken, so the app takes {port}.", file=sys.stderr)
        return port
    span = f"{in_url(host)}:{PORTS[0]} to {PORTS[-1]}"
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), span)
