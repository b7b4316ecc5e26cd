"""The route table: every row stands for something, and no row hides another."""

from __future__ import annotations

from tests.support.http import Client


def test_no_path_stands_twice_for_a_method(client: Client) -> None:
    asked = [(method, route.path) for route in client.doors.routes for method in route.methods or ()]
    assert len(asked) == len(set(asked))


def test_every_route_is_handled_or_read(client: Client) -> None:
    assert all((route.handler is None) is not (route.reads is None) for route in client.doors.routes)


def test_only_what_tells_nothing_is_public(client: Client) -> None:
    assert [route.path for route in client.doors.routes if route.public] == ["/", "/healthz", "/readyz"]


def test_the_root_names_every_route_of_the_api(client: Client) -> None:
    body = client.ask("GET", "/").body.decode()
    for route in client.doors.routes:
        if not route.public and "<" not in route.path:
            assert route.methods is not None
            assert f"{route.methods[0]} {route.path}" in body


def test_every_whole_answer_says_its_length(client: Client) -> None:
    for route in client.doors.routes:
        assert route.methods is not None
        answer = client.ask(route.methods[0], route.path.partition("<")[0], body=b"{}")
        assert answer["content-length"] == str(len(answer.body))
