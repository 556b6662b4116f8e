"""The dependency direction between modules, and what importing them brings along."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import matcher
from tests.corpus import ROOT

PACKAGES = ("matcher", "profiles")
MARKETPLACES = ("dynata", "toluna", "rfg")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def name_of(path: Path) -> str:
    """`matcher/marketplaces/__init__.py` is `matcher.marketplaces`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    """The modules, or names in modules, that a module imports anywhere, for types only or not."""
    return {name for node in ast.walk(ast.parse(path.read_text("utf-8"))) for name in _names(node)}


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "imports are absolute"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(imported: str, module: str) -> bool:
    return imported == module or imported.startswith(f"{module}.")


IMPORTS = {name_of(path): imports_of(path) for path in FILES}


def importers_of(module: str) -> set[str]:
    """The modules that import a module, or something in it."""
    return {
        name for name, imported in IMPORTS.items() if any(is_within(i, module) for i in imported)
    }


def test_the_modules_are_found() -> None:
    assert {"matcher", "matcher.rule", "matcher.marketplaces.dynata", "profiles.panel"} <= set(
        IMPORTS
    )
    assert "matcher.evaluate" in importers_of("matcher.rule")


def test_profiles_know_nothing_of_surveys() -> None:
    """Design: profiles/ knows nothing of surveys."""
    assert not {name for name in importers_of("matcher") if is_within(name, "profiles")}


@pytest.mark.parametrize("marketplace", MARKETPLACES)
def test_only_the_table_names_a_marketplace(marketplace: str) -> None:
    """Design: adding a marketplace adds one file and one line in a table."""
    assert importers_of(f"matcher.marketplaces.{marketplace}") == {"matcher.marketplaces"}


def test_the_algebra_imports_nothing_of_the_project() -> None:
    assert not [name for name in IMPORTS["matcher.rule"] if name.startswith(PACKAGES)]


@pytest.mark.parametrize(
    "module", ["bind", "batch", "kernel", "plan", "planfile", "rewrite", "matches", "rows"]
)
def test_the_reference_rests_on_nothing_fast(module: str) -> None:
    assert not any(
        is_within(name, f"matcher.{module}") for name in reached_from("matcher.evaluate")
    )


def reached_from(module: str) -> set[str]:
    """The modules of the project that a module imports, and those that they import."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        for imported in IMPORTS[waiting.pop()]:
            reached = imported if imported in IMPORTS else imported.rpartition(".")[0]
            if reached in IMPORTS and reached not in found:
                found.add(reached)
                waiting.append(reached)
    return found


@pytest.mark.parametrize("stage", ["marketplaces", "lowering", "survey", "rule", "rewrite"])
def test_early_stages_know_nothing_of_late_ones(stage: str) -> None:
    """Design: each stage knows only the stages before it."""
    late = {"plan", "bind", "batch", "matches", "rows", "cli", "kernel", "payload", "explain"}
    names = [name for name in IMPORTS if is_within(name, f"matcher.{stage}")]
    known = {imported for name in names for imported in IMPORTS[name]}
    assert names
    assert not {each for each in known for module in late if is_within(each, f"matcher.{module}")}


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


HEAVY = ("numpy", "pydantic", "pyarrow", "rich", "cyclopts", "numba", "duckdb", "polars")
SLOW_TO_LOAD = (*HEAVY, "importlib.metadata", "email")
LIGHT = (
    "matcher",
    "matcher.choice",
    "matcher.diagnostic",
    "matcher.evaluate",
    "matcher.plan",
    "matcher.planfile",
    "matcher.rewrite",
    "matcher.rule",
    "matcher.survey",
    "profiles",
    "profiles.errors",
    "profiles.hashing",
    "profiles.idlists",
    "profiles.mapping",
    "profiles.mappingfile",
    "profiles.participation",
    "profiles.schema",
    "profiles.values",
)


@pytest.mark.parametrize(
    "statement", ["from matcher import Plan, Router", *map("import {}".format, LIGHT)]
)
def test_what_a_plan_is_read_with_is_light(statement: str) -> None:
    """Design: what routes one member at a time starts in a moment."""
    loaded = loaded_by(statement)
    assert statement.split()[1] in loaded
    assert loaded.isdisjoint(SLOW_TO_LOAD)


def test_a_plan_from_bytes_is_light() -> None:
    """Reading, compiling and writing it again load nothing more."""
    loaded = loaded_by(
        "from matcher import compile; from matcher.plan import Plan; "
        "Plan.from_bytes(compile([]).to_bytes()).program"
    )
    assert "matcher.planfile" in loaded
    assert loaded.isdisjoint(SLOW_TO_LOAD)


@pytest.mark.parametrize("package", ["pyarrow", "cyclopts", "rich", "numba", "duckdb", "polars"])
def test_loading_payloads_leaves_out(package: str) -> None:
    loaded = loaded_by("from matcher import load_surveys")
    assert "matcher.marketplaces.dynata" in loaded
    assert package not in loaded


def test_the_matcher_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="module `matcher` has no attribute `route`"):
        _ = matcher.route


def test_importing_the_panel_leaves_out_the_matcher() -> None:
    loaded = loaded_by("import profiles.panel")
    assert "pyarrow" in loaded
    assert not {name for name in loaded if is_within(name, "matcher")}
