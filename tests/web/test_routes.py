"""The route table: every row stands for something, and no row hides another."""

from __future__ import annotations

from tests.support.http import Client


def test_no_path_stands_twice(client: Client) -> None:
    paths = [route.path for route in client.doors.routes]
    assert len(paths) == len(set(paths))


def test_only_what_tells_nothing_is_public(client: Client) -> None:
    assert [route.path for route in client.doors.routes if route.public] == ["/", "/healthz", "/readyz"]


def test_the_root_names_every_route_of_the_api(client: Client) -> None:
    body = client.ask("GET", "/").body.decode()
    for route in client.doors.routes:
        if not route.public and "<" not in route.path:
            assert f"{route.methods[0]} {route.path}" in body


def test_every_whole_answer_says_its_length(client: Client) -> None:
    for route in client.doors.routes:
        answer = client.ask(route.methods[0], route.path.partition("<")[0], body=b"{}")
        assert answer["content-length"] == str(len(answer.body))
