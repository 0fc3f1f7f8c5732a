"""What is installed is what is imported: nothing comes along by chance, nothing for nothing."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import distribution, packages_distributions
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("graph", "nodes", "stores", "models", "domain", "service", "evals")
OURS = {*PRODUCT, "settings", "tests"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
FOR_DEVELOPERS = {"langgraph-checkpoint-redis", "matplotlib", "scipy"}
"""What a script of `evals` needs that compares, draws a figure or trains the ranking."""

ELSEWHERE = {"requests", "schemathesis", "xllamacpp"}
"""What tests import in environments of their own: a fuzzer of routes, a server of real models."""
BY_LIBRARIES = {"pystemmer", "python-multipart"}
"""What libraries import by themselves: snowballstemmer, to stem ten times as fast, and FastAPI."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[\[<>=!~; ]", wanted)[0]) for wanted in requirements}


RUN_TIME = names(PROJECT["project"]["dependencies"])
EXTRAS = names([*chain(*PROJECT["project"]["optional-dependencies"].values())])
DEVELOPMENT = names(PROJECT["dependency-groups"]["dev"])


def imported(*folders: str) -> Iterator[str]:
    """Yield every module that the code of these folders imports, also by its name in a string."""
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    for file in [*files, ROOT / "settings.py"]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Call) and node.args:
                called = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
                if called in ("import_module", "files"):
                    first = node.args[0]
                    text = first.values[0] if isinstance(first, ast.JoinedStr) else first
                    if isinstance(text, ast.Constant) and isinstance(text.value, str):
                        yield text.value.strip(".")


@cache
def distributions() -> Mapping[str, list[str]]:
    return packages_distributions()  # it takes seconds


@cache
def paths(package: str) -> frozenset[str]:
    return frozenset(str(path) for path in distribution(package).files or ())


@cache
def provider(module: str) -> str | None:
    """Return the installed package that a module comes from; several may share a first name."""
    candidates = distributions().get(module.partition(".")[0], [])
    if len(set(candidates)) < 2:
        return normal(candidates[0]) if candidates else None
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        file = "/".join(parts[:length])
        for package in candidates:
            if paths(package) & {f"{file}.py", f"{file}/__init__.py"}:
                return normal(package)
    return None


def packages(*folders: str) -> set[str]:
    modules = {
        module
        for module in imported(*folders)
        if module.partition(".")[0] not in OURS | ELSEWHERE | sys.stdlib_module_names
    }
    found = {module: provider(module) for module in modules}
    assert None not in found.values(), {module for module, name in found.items() if name is None}
    return {name for name in found.values() if name}


def test_what_the_product_imports_is_declared() -> None:
    assert sorted(packages(*PRODUCT) - RUN_TIME - EXTRAS - FOR_DEVELOPERS) == []
    assert FOR_DEVELOPERS <= DEVELOPMENT


def test_what_is_declared_for_the_product_is_imported_by_it() -> None:
    assert sorted((RUN_TIME | EXTRAS) - packages(*PRODUCT) - BY_LIBRARIES) == []


def test_what_the_tests_import_is_declared() -> None:
    assert sorted(packages("tests") - RUN_TIME - EXTRAS - DEVELOPMENT) == []


def test_nothing_is_declared_twice() -> None:
    assert sorted(RUN_TIME & DEVELOPMENT) == []
