"""Names the packages: `baselines/` is installed as `jova_baselines`, for a folder called `baselines` is common."""

from setuptools import find_packages, setup

OURS = find_packages(include=["jova", "jova.*", "jova_bench", "jova_bench.*"])
WRAPPED = ["jova_" + name for name in find_packages(include=["baselines", "baselines.*"])]

setup(packages=OURS + WRAPPED, package_dir={"jova_baselines": "baselines"})
