from __future__ import annotations

import re

from cliproxy.observe.requests import HEADER, new_request_id


def test_an_id_is_letters_that_need_no_quoting_anywhere() -> None:
    assert re.fullmatch(r"req_[0-9a-f]{20}", new_request_id())


def test_ids_differ() -> None:
    assert len({new_request_id() for _ in range(1000)}) == 1000


def test_the_header_is_written_in_lower_case() -> None:
    assert HEADER.islower()
