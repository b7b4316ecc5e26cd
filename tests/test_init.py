"""The public face: `cliproxy.service` and `cliproxy.resource`, and what they take for a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.application.service import IService, MultiService
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.web.resource import IResource
from zope.interface.verify import verifyObject

import cliproxy
from cliproxy.config.problems import ConfigInvalid, ConfigUnreadable
from cliproxy.config.schema import Config, Listening
from cliproxy.listening import configured_endpoint


def test_its_names_are_all_there() -> None:
    assert set(cliproxy.__all__) <= set(dir(cliproxy))


def test_the_service_is_one_each_time() -> None:
    """The function was thought to stay when the module of its name was imported, which takes its place."""
    for _ in range(2):
        assert verifyObject(IService, cliproxy.service(None, Clock()))


def test_the_resource_is_one_each_time() -> None:
    for _ in range(2):
        assert verifyObject(IResource, cliproxy.resource(None, Clock()))


def test_without_a_configuration_the_demo_serves() -> None:
    assert cliproxy.service(None, Clock()).house.credential_names[0] == "demo"


def test_a_configuration_may_be_a_value() -> None:
    config = Config(shutdown_grace_seconds=1.0)
    assert cliproxy.service(config, Clock()).house.config is config


@pytest.mark.parametrize("kind", [str, Path])
def test_a_configuration_may_be_a_file(kind: type[str] | type[Path], tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("request-retry: 7\n")
    assert cliproxy.service(kind(path), Clock()).house.config.retrying.request_retry == 7


def test_nothing_is_left_in_a_directory_unless_that_is_asked_for(tmp_path: Path) -> None:
    cliproxy.service(Config(auth_dir=str(tmp_path / "auth")), MemoryReactorClock()).startService()
    assert not (tmp_path / "auth").exists()


def test_a_service_with_a_home_has_the_accounts_that_were_logged_in_to(tmp_path: Path) -> None:
    (tmp_path / "kimi-1.json").write_text('{"type": "kimi", "access_token": "a-token-of-kimi"}')
    service = cliproxy.service(Config(auth_dir=str(tmp_path)), MemoryReactorClock(), home=True)
    assert service.house.credential_names == ("kimi-1.json",)


def test_a_file_that_is_not_there_raises(tmp_path: Path) -> None:
    with pytest.raises(ConfigUnreadable):
        cliproxy.service(tmp_path / "none.yaml", Clock())


def test_a_bad_file_raises_with_all_its_problems(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("port: many\nrequest-retry: often\n")
    with pytest.raises(ConfigInvalid) as invalid:
        cliproxy.resource(str(path), Clock())
    assert len(invalid.value.problems) == 2


def test_a_service_without_endpoints_listens_nowhere() -> None:
    reactor = MemoryReactorClock()
    parent = MultiService()
    cliproxy.service(None, reactor).setServiceParent(parent)
    parent.startService()
    assert reactor.tcpServers == []


def test_a_service_listens_at_its_endpoints_while_it_runs() -> None:
    reactor = MemoryReactorClock()
    service = cliproxy.service(None, reactor, [configured_endpoint(reactor, Listening(port=8317))])
    assert reactor.tcpServers == []
    service.startService()
    assert [server[0] for server in reactor.tcpServers] == [8317]
