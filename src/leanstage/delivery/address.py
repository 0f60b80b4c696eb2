"""``leanstage://NAME@DIGEST``: the address of a promoted variant, which says what it must hold."""

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from leanstage.errors import InputError

SCHEME = "leanstage://"
_FORM = re.compile(rf"{SCHEME}(?P<name>[A-Za-z0-9._%-]+)@(?P<digest>[0-9a-f]{{64}})")


class Address(NamedTuple):
    """A registered model and the content digest of one of its promoted variants."""

    name: str
    digest: str

    def __str__(self) -> str:
        # What quote leaves alone beside the characters of _FORM.
        return f"{SCHEME}{quote(self.name, safe='').replace('~', '%7E')}@{self.digest}"


def read_address(uri: str) -> Address:
    """The parts of an address.

    Raises:
        InputError: another form, or a name that is spelt in more than one way.
    """
    match = _FORM.fullmatch(uri)
    address = match and Address(unquote(match["name"]), match["digest"])
    if not address or str(address) != uri:
        raise InputError(
            f"{uri} is no address of a promoted variant; give {SCHEME}NAME@DIGEST, as promotion "
            "and `leanstage rollout` write it."
        )
    return address
