"""Where an operation is asked of an account."""

from __future__ import annotations

import pytest
from hyperlink import EncodedURL
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.formats.wire import Operation
from cliproxy.secret import Secret
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.urls import SettledURL, base_of, url_at, url_for

GENERATE = Operation.GENERATE
COUNT = Operation.COUNT_TOKENS


def account(base_url: str = "https://api.example", *, provider: str = "claude") -> Account:
    return Account("a", provider, EncodedURL.from_text(base_url), Secret("a-key"), bearer=False)


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://api.example", "https://api.example/v1/messages"),
        ("https://api.example/", "https://api.example/v1/messages"),
        ("https://api.example/a/b", "https://api.example/a/b/v1/messages"),
        ("https://api.example/a/b/", "https://api.example/a/b/v1/messages"),
        ("https://api.example/a%2Fb/%e9", "https://api.example/a%2Fb/%e9/v1/messages"),
        ("https://api.example:8443", "https://api.example:8443/v1/messages"),
        ("http://api.example:80", "http://api.example/v1/messages"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9/v1/messages"),
        ("http://[::1]:9", "http://[::1]:9/v1/messages"),
        ("http://a_b:9", "http://a_b:9/v1/messages"),
        ('http://api.example/"<', "http://api.example/%22%3C/v1/messages"),
    ],
)
def test_an_operation_is_below_the_base_url(base_url: str, url: str) -> None:
    assert url_for(account(base_url), Operation.GENERATE, b"").to_text() == url


def test_each_operation_has_its_path() -> None:
    assert url_for(account(), Operation.COUNT_TOKENS, b"").path == ("v1", "messages", "count_tokens")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (b"beta=true", "beta=true"),
        (b"a=1&a=2&&b", "a=1&a=2&&b"),
        (b"a=b?c=d", "a=b?c=d"),
        (b"?", "?"),
        (b"=", "="),
        (b"a;b=c+d", "a;b=c+d"),
        (b"a=%zz&b=%2", "a=%zz&b=%2"),
        (b"%26=%3D%23%0d%0A", "%26=%3D%23%0d%0A"),
        (b"a=\xe9", "a=%E9"),
        (b"a=\xc3\xa9", "a=%C3%A9"),
        (b"a=#b", "a=%23b"),
        (b"a=\r\nX: y\x00\x7f ", "a=%0D%0AX:%20y%00%7F%20"),
        (b'"<>[]{}|\\^`', "%22%3C%3E%5B%5D%7B%7D%7C%5C%5E%60"),
    ],
)
def test_the_clients_query_goes_along_letter_by_letter(query: bytes, text: str) -> None:
    assert url_for(account(), Operation.GENERATE, query).to_text() == f"https://api.example/v1/messages?{text}"


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), min_size=1, max_size=200))
def test_a_query_of_printable_letters_is_what_hyperlink_makes_of_it(query: str) -> None:
    ours = url_for(account(), Operation.GENERATE, query.encode())
    theirs = EncodedURL.from_text(f"https://api.example/v1/messages?{query}").to_uri()
    assert ours.to_text() == theirs.to_text()
    assert ours.to_uri() is ours


@given(st.binary(min_size=1, max_size=300))
def test_no_query_leaves_the_request_line(query: bytes) -> None:
    text = url_for(account(), Operation.GENERATE, query).to_text()
    assert text.isascii()
    assert text.isprintable()
    assert not {" ", "#"} & set(text)


@pytest.mark.parametrize("provider", ["gemini", "vertex"])
@pytest.mark.parametrize(
    ("model", "segment"),
    [
        ("gemini-3.8-flash", "gemini-3.8-flash"),
        ("a/b", "a%2Fb"),
        ("../../v1/files", "..%2F..%2Fv1%2Ffiles"),
        ("..", ".."),
        ("a?b=c#d", "a%3Fb%3Dc%23d"),
        ("a:b", "a%3Ab"),
        ("a b%20", "a%20b%2520"),
        ("{model}", "%7Bmodel%7D"),
        ("é\r\n", "%C3%A9%0D%0A"),
        ("\ud800", "%3F"),
    ],
)
def test_a_model_is_one_segment_of_the_path(provider: str, model: str, segment: str) -> None:
    text = url_for(account("http://h", provider=provider), GENERATE, b"", model=model).to_text()
    assert text.rpartition("/")[2] == f"{segment}:generateContent"


@given(st.text(max_size=40), st.booleans())
def test_no_model_leads_elsewhere(model: str, stream: bool) -> None:
    url = url_for(account("http://h/base", provider="gemini"), GENERATE, b"", model=model, stream=stream)
    assert url.path[:3] == ("base", "v1beta", "models")
    assert len(url.path) == 4
    assert url.query == ((("alt", "sse"),) if stream else ())


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        (b"", "alt=sse"),
        (b"alt=sse", "alt=sse"),
        (b"alt=json", "alt=json"),
        (b"%61lt=json", "%61lt=json"),
        (b"a=1&alt", "a=1&alt"),
        (b"$alt=sse", "$alt=sse"),
        (b"%24alt=sse", "%24alt=sse"),
        (b"a=1", "a=1&alt=sse"),
        (b"salt=1&b=alt=2", "salt=1&b=alt=2&alt=sse"),
    ],
)
def test_events_are_asked_for_unless_the_client_says_how(query: bytes, asked: str) -> None:
    url = url_for(account(provider="gemini"), GENERATE, query, model="m", stream=True)
    assert url.to_text() == f"https://api.example/v1beta/models/m:streamGenerateContent?{asked}"


def test_without_a_stream_no_events_are_asked_for() -> None:
    url = url_for(account(provider="gemini"), GENERATE, b"a=1", model="m")
    assert url.to_text() == "https://api.example/v1beta/models/m:generateContent?a=1"


def test_a_counter_of_tokens_does_not_stream() -> None:
    url = url_for(account(provider="gemini"), COUNT, b"", model="m", stream=True)
    assert url.to_text() == "https://api.example/v1beta/models/m:countTokens"


def test_urls_are_remembered_one_by_one() -> None:
    def texts() -> list[str]:
        return [
            url_for(account(provider=provider), operation, query, model=model, stream=stream).to_text()
            for provider in ("gemini", "vertex")
            for operation in (GENERATE, COUNT)
            for query in (b"", b"a=1")
            for model in ("m", "n")
            for stream in (False, True)
        ]

    first = texts()
    assert texts() == first
    assert len(set(first)) == 2 * (4 * 2 + 4)  # counting is the same, streamed or not


def test_a_url_whose_path_names_no_model_is_the_same_for_all() -> None:
    def of(model: str) -> SettledURL:
        return url_for(account(), GENERATE, b"", model=model)

    assert of("a") is of("b")


def test_accounts_that_differ_in_nothing_but_their_url_do_not_share_it() -> None:
    urls = {
        url_for(account(base), Operation.GENERATE, b"a").host for base in ("https://a.example", "https://b.example")
    }
    assert urls == {"a.example", "b.example"}


# -- where a request is passed on to --------------------------------------------------------------------------------


def at(target: bytes, base: str = "https://ampcode.example") -> str:
    return url_at(EncodedURL.from_text(base), target).to_text()


@pytest.mark.parametrize(
    "target",
    [
        b"/api/user?a=1&b=%7Etwo&b=2",
        b"/api/user?",
        b"/api/user?a=&&b==&=",
        b"/api/user?a=b?c/d",
        b"/",
        b"/?",
        b"//",
        b"//evil.example/a//b/",
        b"/./a/../../b/..",
        b"/a;b=c;/;",
        b"/a;?b;c",
        b"/a%2Fb%2fc%00%0d%0A",
        b"/%E9%ff%zz%2",
        b"/a+b/~:@!$&'()*,=_-.",
        b"/a?b[]=1&c[d]=2",
        b"/http://evil.example/",
    ],
)
def test_a_target_is_passed_on_letter_by_letter(target: bytes) -> None:
    assert at(target) == f"https://ampcode.example{target.decode()}"


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (b"/a b", "/a%20b"),
        (b"/a\r\nX: y", "/a%0D%0AX:%20y"),
        (b"/\x00\x7f\t", "/%00%7F%09"),
        (b"/\xe9?\xc3\xa9", "/%E9?%C3%A9"),
        (b"/a#b?c#d", "/a%23b?c%23d"),
        (b'/"<>\\^`{|}', "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
    ],
)
def test_what_no_uri_may_hold_is_encoded(target: bytes, text: str) -> None:
    assert at(target) == f"https://ampcode.example{text}"


@pytest.mark.parametrize(
    ("base", "beginning"),
    [
        ("https://ampcode.example", "https://ampcode.example"),
        ("https://ampcode.example/", "https://ampcode.example"),
        ("https://ampcode.example/a/b", "https://ampcode.example/a/b"),
        ("https://ampcode.example/a/b/", "https://ampcode.example/a/b"),
        ("https://ampcode.example/a%2fb/%e9", "https://ampcode.example/a%2fb/%e9"),
        ("https://ampcode.example:8443/?c=d#e", "https://ampcode.example:8443"),
        ("http://[::1]:9", "http://[::1]:9"),
    ],
)
def test_a_target_goes_behind_the_path_of_the_base(base: str, beginning: str) -> None:
    assert at(b"/api?x", base) == f"{beginning}/api?x"


@pytest.mark.parametrize("target", [b"@evil.example/", b":99/", b".evil.example/", b"*", b"evil"])
def test_no_target_goes_on_with_the_name_of_the_host(target: bytes) -> None:
    assert at(target) == f"https://ampcode.example/{target.decode()}"


@pytest.mark.parametrize(("target", "text"), [(b"", ""), (b"?", "?"), (b"?a=/b", "?a=/b")])
def test_a_target_may_be_no_more_than_a_query(target: bytes, text: str) -> None:
    assert at(target, "https://ampcode.example/a") == f"https://ampcode.example/a{text}"


@given(st.binary(max_size=300))
def test_no_target_leaves_the_request_line_or_the_host(target: bytes) -> None:
    url = url_at(EncodedURL.from_text("https://ampcode.example"), target)
    text = url.to_text()
    assert text.isascii()
    assert text.isprintable()
    assert not {" ", "#"} & set(text)
    assert (url.scheme, url.host, url.port, url.userinfo) == ("https", "ampcode.example", 443, "")
    assert url.to_uri() is url


def test_a_base_is_read_once_however_often_it_is_asked_for() -> None:
    assert base_of("https://ampcode.example/a") is base_of("https://ampcode.example/a")


def test_bases_are_told_apart_by_their_whole_text() -> None:
    assert base_of("https://ampcode.example/a") != base_of("https://ampcode.example/b")
