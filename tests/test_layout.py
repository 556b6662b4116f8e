"""Where things are: the order of the stages, what each folder shows, what importing one loads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from matcher.marketplaces import marketplaces
from tests.support.corpus import ROOT
from tests.support.interpreter import loaded_by

ORDER = """
    profiles.errors profiles.as_of profiles.envelope profiles.finding profiles.hashing
    profiles.plural
    profiles.schema profiles.encoding profiles.sources profiles.history profiles.index
    profiles.panel profiles.check profiles.synthetic profiles
    matcher.version matcher.support matcher.rules matcher.concentration matcher.surveys
    matcher.output matcher.marketplaces matcher.compiler matcher.loading matcher.engine
    matcher.plan matcher.explanation matcher.linting matcher.routing matcher.comparison
    matcher.reconciliation matcher matcher.benchmarking matcher.reports matcher.cli
    matcher.__main__
""".split()
"""The stages: a module imports from its own folder, and from those before it."""

DEEP = (
    "profiles.schema.panel_file",  # pydantic, where all else in the folder is light
    "matcher.support.json_text",  # numpy, likewise
    "matcher.marketplaces.payload",  # pydantic's building blocks, for whatever reads JSON of others
    "matcher.reports",  # one module for each thing shown; nothing but `cli` asks for them
)
"""What other folders import by its own name, and not from the folder's face."""

FILES = [path for package in ("profiles", "matcher") for path in (ROOT / package).rglob("*.py")]


def name_of(path: Path) -> str:
    """`matcher/marketplaces/__init__.py` is `matcher.marketplaces`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {name_of(path): path for path in FILES}
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in PATHS.items()}


def exports_of(module: str) -> list[str]:
    """What a face says it exports."""
    tree = TREES.get(module, ast.Module([], []))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def names_imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The modules that a statement imports from, each with a name in it; "": the module itself."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, "") for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.module
        assert not node.level, "imports are absolute"
        for alias in node.names:
            module = f"{node.module}.{alias.name}"
            is_module = module in PATHS and alias.name not in exports_of(node.module)
            yield (module, "") if is_module else (node.module, alias.name)


IMPORTS = {
    name: {found for node in ast.walk(tree) for found in names_imported(node)}
    for name, tree in TREES.items()
}
"""All imports, also those in functions and for types only."""


def is_within(module: str, other: str) -> bool:
    return module == other or module.startswith(f"{other}.")


def stage_of(module: str) -> str:
    """The longest name in the order that the module is within; of the two packages, only itself."""
    stages = [stage for stage in ORDER if is_within(module, stage)]
    stage = max(stages, key=len, default="")
    assert stage not in ("", "matcher", "profiles") or module == stage, f"{module} has no place"
    return stage


def own_imports(module: str) -> Iterator[tuple[str, str]]:
    """What a module imports of the project."""
    for imported, name in sorted(IMPORTS[module]):
        if is_within(imported, "matcher") or is_within(imported, "profiles"):
            yield imported, name


def test_every_stage_is_there() -> None:
    assert {stage_of(module) for module in PATHS} == set(ORDER)
    assert len(ORDER) == len(set(ORDER))


@pytest.mark.parametrize("module", sorted(PATHS))
def test_a_module_imports_only_from_its_own_and_from_earlier_stages(module: str) -> None:
    at = ORDER.index(stage_of(module))
    late = {imported for imported, _ in own_imports(module)}
    assert not {each for each in late if ORDER.index(stage_of(each)) > at}


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Within a folder too; a face is what its modules are, and none of them imports it."""
    beneath = {name: {imported for imported, _ in own_imports(name)} - {name} for name in PATHS}
    while without := {name for name, below in beneath.items() if not below & set(beneath)}:
        for name in without:
            del beneath[name]
    assert not beneath


@pytest.mark.parametrize("module", sorted(PATHS))
def test_other_folders_are_imported_by_their_faces(module: str) -> None:
    deeper = {
        imported
        for imported, _ in own_imports(module)
        if imported != stage_of(imported) and stage_of(imported) != stage_of(module)
    }
    assert not {each for each in deeper if not any(is_within(each, deep) for deep in DEEP)}


@pytest.mark.parametrize("module", sorted(PATHS))
def test_what_a_folder_exports_is_there_and_no_module_hides(module: str) -> None:
    face = import_module(module)
    for name in getattr(face, "__all__", ()):
        exported = getattr(face, name)
        home = getattr(exported, "__module__", None)
        assert type(exported).__name__ != "module" or name == "bits"
        assert home is None or not home.startswith(("matcher.", "profiles.")) or home in PATHS


@pytest.mark.parametrize("module", sorted(PATHS))
def test_no_private_name_crosses_a_module(module: str) -> None:
    assert not {
        name for _, name in own_imports(module) if name.startswith("_") and not name.endswith("__")
    }


TESTS = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8"))
    for folder in ("tests", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
}


@pytest.mark.parametrize("file", sorted(TESTS))
def test_tests_know_no_private_names(file: str) -> None:
    found = {pair for node in ast.walk(TESTS[file]) for pair in names_imported(node)}
    own = {(module, name) for module, name in found if is_within(module, "matcher")}
    own |= {(module, name) for module, name in found if is_within(module, "profiles")}
    assert not {name for _, name in own if name.startswith("_") and not name.endswith("__")}


@pytest.mark.parametrize("file", sorted(TESTS))
def test_tests_turn_settings_and_patch_no_constants(file: str) -> None:
    """What is to be another size in a test is a setting, which is passed in."""
    patched = {
        argument.value.rpartition(".")[2]
        for node in ast.walk(TESTS[file])
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "setattr"
        for argument in node.args[:2]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }
    assert not {name for name in patched if re.fullmatch(r"_(?!_)\w*|[A-Z][A-Z0-9_]*", name)}


USERS = {
    "cyclopts": {"matcher.cli"},
    "rich": {"matcher.cli", "matcher.reports"},
    "jinja2": {"matcher.reports"},
    "pydantic": {
        "matcher.marketplaces",
        "matcher.loading",
        "matcher.cli.route",
        "matcher.benchmarking.benchmark",
        "profiles.schema.panel_file",
    },
}


@pytest.mark.parametrize("package", sorted(USERS))
def test_a_package_is_used_only_where_it_belongs(package: str) -> None:
    users = {
        name
        for name, found in IMPORTS.items()
        if any(is_within(each, package) for each, _ in found)
    }
    assert users
    for name in users:
        assert any(is_within(name, place) for place in USERS[package]), name


@pytest.mark.parametrize("module", sorted(PATHS))
def test_no_module_needs_what_some_systems_lack(module: str) -> None:
    """What only Unix has is imported where it is used, if it is there."""
    imported = {name for node in TREES[module].body for name, _ in names_imported(node)}
    assert imported.isdisjoint({"fcntl", "grp", "pwd", "resource", "termios"})


# --- marketplaces


@pytest.mark.parametrize("marketplace", sorted(marketplaces()))
def test_only_the_table_imports_a_marketplace(marketplace: str) -> None:
    """Adding a marketplace adds one file and one line in a table."""
    module = f"matcher.marketplaces.{marketplace}"
    importers = {name for name in PATHS if any(each == module for each, _ in own_imports(name))}
    assert importers == {"matcher.marketplaces"}


def docstrings_in(tree: ast.Module) -> set[ast.AST]:
    """Texts that are a statement by themselves."""
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}


@pytest.mark.parametrize("module", sorted(PATHS))
def test_no_text_names_a_marketplace_outside_its_file(module: str) -> None:
    """What only one marketplace knows stands in its file alone."""
    names = {name for name in marketplaces() if module != f"matcher.marketplaces.{name}"}
    word = re.compile(rf"\b({'|'.join(names)})\b", re.IGNORECASE)
    left_out = docstrings_in(TREES[module])
    texts = [
        node.value
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in left_out
    ]
    assert not [text for text in texts if word.search(text)]


# --- what is light


HEAVY = ("numpy", "pydantic", "pyarrow", "rich", "cyclopts", "numba", "duckdb", "polars")
SLOW_TO_LOAD = (*HEAVY, "importlib.metadata", "email")
LIGHT = (
    "matcher",
    "matcher.compiler",
    "matcher.plan",
    "matcher.routing",
    "matcher.rules",
    "matcher.support",
    "matcher.surveys",
    "matcher.version",
    "profiles",
    "profiles.envelope",
    "profiles.errors",
    "profiles.hashing",
    "profiles.schema",
)


@pytest.mark.parametrize(
    "statement", ["from matcher import Plan, Router", *map("import {}".format, LIGHT)]
)
def test_what_a_plan_is_read_with_is_light(statement: str) -> None:
    """What routes one member at a time starts in a moment."""
    loaded = loaded_by(statement)
    assert statement.split()[1] in loaded
    assert loaded.isdisjoint(SLOW_TO_LOAD)


def test_a_plan_from_bytes_is_light() -> None:
    """Reading, compiling and writing it again load nothing more."""
    loaded = loaded_by(
        "from matcher import Plan, compile; Plan.from_bytes(compile([]).to_bytes()).program"
    )
    assert "matcher.surveys.serialize" in loaded
    assert loaded.isdisjoint(SLOW_TO_LOAD)


@pytest.mark.parametrize("package", ["pyarrow", "cyclopts", "rich", "numba", "duckdb", "polars"])
def test_loading_payloads_leaves_out(package: str) -> None:
    loaded = loaded_by("from matcher import load_surveys")
    assert "matcher.marketplaces.dynata" in loaded
    assert package not in loaded


def test_importing_the_panel_leaves_out_the_matcher() -> None:
    loaded = loaded_by("import profiles.panel")
    assert "pyarrow" in loaded
    assert not {name for name in loaded if is_within(name, "matcher")}
