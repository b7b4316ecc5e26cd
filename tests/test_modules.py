"""The seam for further routes: what is promised is there, and what is a module is known as one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cliproxy.amp.module import AmpModule
from cliproxy.config.schema import Amp
from cliproxy.modules import App, Context, RouteModule
from cliproxy.web.modules import HouseContext, RouteTable
from tests.support.http import Client
from tests.support.route_modules import Hello


@pytest.mark.parametrize("name", [name for name in vars(Context) if not name.startswith("_")])
def test_what_a_module_is_promised_is_there(name: str) -> None:
    assert hasattr(HouseContext, name)


def test_amps_door_is_a_module() -> None:
    module: RouteModule[Amp] = AmpModule()
    assert module.name == "amp-routing"


def test_a_table_of_routes_is_what_a_module_registers_with() -> None:
    app: App = RouteTable(lambda served: served)
    Hello().register(app, HouseContext(Client().house, lambda: Client().doors.gate, {}))


def test_the_example_on_the_page_is_a_module(tmp_path: Path) -> None:
    page = Path(__file__).parents[1] / "docs" / "embedding.md"
    (example,) = [
        code for code in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL) if "register" in code
    ]
    names: dict[str, type[Hello]] = {}
    exec(example, names)
    hello = names["Hello"]()
    client = Client(modules=[hello])
    hello.reconfigure({"greeting": "Hi"})
    assert client.ask("GET", "/hello/you").body == b"Hi, you!"
