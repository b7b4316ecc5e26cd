"""The distribution: the package, and the twist/twistd plugin that stands inside Twisted's own plugin folder."""

from __future__ import annotations

from setuptools import find_packages, setup
from setuptools.command.editable_wheel import editable_wheel


class EditableWheel(editable_wheel):
    """`pip install -e .` puts this folder on the path as it is.

    The default of setuptools maps package names to files, which Twisted's plugin search, a walk over `sys.path`, does
    not see: `twist cliproxy` would be known only inside this folder.
    """

    def initialize_options(self) -> None:
        super().initialize_options()
        self.mode = "compat"


setup(
    packages=[*find_packages(include=["cliproxy", "cliproxy.*"]), "twisted.plugins"],
    package_data={"cliproxy": ["py.typed"]},
    cmdclass={"editable_wheel": EditableWheel},
    zip_safe=False,
)
