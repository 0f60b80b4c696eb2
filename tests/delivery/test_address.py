"""One address, one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanstage.delivery.address import Address, read_address
from leanstage.errors import InputError

DIGEST = "0123456789abcdef" * 4


@given(st.text(min_size=1))
def test_whatever_a_model_is_called_is_read_back(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    assert read_address(str(Address(name, DIGEST))) == Address(name, DIGEST)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "leanstage://",
        f"leanstage://@{DIGEST}",
        f"leanstage://reviews@{DIGEST[:-1]}",
        f"leanstage://reviews@{DIGEST.upper()}",
        f"leanstage://reviews@{DIGEST}\n",
        f"leanstage://a/b@{DIGEST}",
        f"leanstage://../b@{DIGEST}",
        f"leanstage://a~b@{DIGEST}",
        f"leanstage://%72eviews@{DIGEST}",
        f"leanstage://r%c3%a9@{DIGEST}",
        f"leanstage://%ff@{DIGEST}",
        f"leanstage://reviews@champion@{DIGEST}",
        f"s3://reviews@{DIGEST}",
    ],
)
def test_another_spelling_is_refused_with_the_form(uri: str) -> None:
    with pytest.raises(InputError, match="give leanstage://NAME@DIGEST"):
        read_address(uri)
