"""Addresses of stores as they may be shown to a person."""


def without_secrets(url: str) -> str:
    """Return a URL without its user, password and options.

    All up to the last "@" goes, so that a password whose "/" or "?" was not escaped goes whole.
    """
    scheme, mark, rest = url.partition("://")
    place = rest.rpartition("@")[2]
    for begin in "?#":
        place = place.partition(begin)[0]
    return f"{scheme}{mark}{place}"


def host_of(url: str) -> str:
    """Return the host and port of a URL, without user and password."""
    return without_secrets(url).partition("://")[2].partition("/")[0]
