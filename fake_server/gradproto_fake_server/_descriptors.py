"""How many files a process may have open: a server with many clients needs one for each of them."""

from __future__ import annotations

import errno
import logging

try:
    import resource
except ImportError:  # Windows, where sockets are no files
    resource = None  # type: ignore[assignment]

__all__ = ["is_for_want_of_room", "make_room", "tell_of_want"]

_SPARE = 64  # what the rest of the process may open before the next connection comes
_LOGGER = logging.getLogger("gradproto_fake_server")


def make_room(descriptor: int) -> None:
    """Raise the soft limit, as far as the hard one allows, when a new descriptor comes near it.

    It is raised only then, since it is the whole process's.
    """
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or descriptor + _SPARE < soft or soft == hard:
        return
    more = soft * 2 if hard == resource.RLIM_INFINITY else min(soft * 2, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
    except (OSError, ValueError):  # the system has a limit of its own, which is told when it is reached
        return


def is_for_want_of_room(error: OSError) -> bool:
    """Say whether there are too many files open, here or in the whole system."""
    return error.errno in (errno.EMFILE, errno.ENFILE)


def tell_of_want(connections: int, who: str = "the fake server") -> None:
    """Say in the log what is missing."""
    limit = "" if resource is None else f" (the limit is {resource.getrlimit(resource.RLIMIT_NOFILE)[0]})"
    _LOGGER.warning(
        "%s has %d connections, and the process can open no more files%s: clients wait until some are"
        " closed; 'ulimit -n' allows more",
        who,
        connections,
        limit,
    )
