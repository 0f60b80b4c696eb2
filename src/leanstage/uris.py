"""How an address is told to people: without what lets its reader in."""

import re


def public_uri(uri: str) -> str:
    """A URI without user name and password."""
    return re.sub(r"://[^/\s]*@", "://", uri)


def shown(uri: str) -> str:
    """A URI without user name, password and query, by which stores sign; a path as it is."""
    bare = public_uri(uri)
    return bare.partition("?")[0] if "://" in bare else bare
