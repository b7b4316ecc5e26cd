"""Where Vertex AI serves an account, and that no account can name another host."""

from __future__ import annotations

import pytest

from cliproxy.upstream.vertex import vertex_base_url


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("us-central1", "us-central1-aiplatform.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
    ],
)
def test_a_location_has_its_host(location: str, host: str) -> None:
    assert vertex_base_url("a-project-1", location) == f"https://{host}/v1/projects/a-project-1/locations/{location}"


def test_an_account_without_a_location_is_served_where_most_are() -> None:
    assert vertex_base_url("p").endswith("/locations/us-central1")


@pytest.mark.parametrize("project", ["p", "123456789012", "example.com:a-project"])
def test_a_project_is_an_id_or_a_number(project: str) -> None:
    assert f"/projects/{project}/" in vertex_base_url(project)


@pytest.mark.parametrize("project", ["", "a/b", "..", "a?b", "a b", "A", "a\n", "é", "a" * 200])
def test_what_is_no_project_is_refused(project: str) -> None:
    with pytest.raises(ValueError, match="project"):
        vertex_base_url(project)


@pytest.mark.parametrize("location", ["evil.example/", "evil.example#", "a.b", "@a", "a/b", "US", "-", "a\n", "a" * 80])
def test_what_is_no_location_is_refused(location: str) -> None:
    with pytest.raises(ValueError, match="location"):
        vertex_base_url("p", location)
