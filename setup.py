"""The distribution: the package, and the twist/twistd plugin that stands inside Twisted's own plugin folder."""

from __future__ import annotations

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["cliproxy", "cliproxy.*"]), "twisted.plugins"],
    # Says what is so anyway, and has `pip install -e .` put this folder on the path as a whole. Otherwise setuptools
    # maps package names to files, which Twisted's plugin search does not see: it walks over `sys.path`.
    package_dir={"": "."},
    package_data={"cliproxy": ["py.typed", "shaping/capabilities.yaml"]},
    zip_safe=False,
)
