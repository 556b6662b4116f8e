"""The documents: names and links are right, examples run, every diagnostic code has its row."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import matcher
import profiles
from tests.support.corpus import ROOT
from tests.test_layout import ORDER

CHANGELOG = ROOT / "CHANGELOG.md"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
API = ROOT / "docs" / "reference" / "api.md"
DIAGNOSTICS = ROOT / "docs" / "reference" / "diagnostics.md"
LAYOUT = ROOT / "docs" / "development" / "layout.md"
SOURCES = [path for package in ("matcher", "profiles") for path in (ROOT / package).rglob("*.py")]
PLACEHOLDER = re.compile(r"NAME|\bacme\b")
"""In a name that stands for any: `matcher.NAME`, the file of a marketplace to add."""

each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS]
)


def prose(document: Path) -> str:
    """A document without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def quoted(document: Path) -> set[str]:
    """What is in backticks in the prose of a document, but for placeholders."""
    return {
        text for text in re.findall(r"`([^`\n]+)`", prose(document)) if not PLACEHOLDER.search(text)
    }


# --- what documents name


def anchor_of(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    text = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return text.replace(" ", "-")


def anchors_of(document: Path) -> set[str]:
    return {
        anchor_of(heading) for heading in re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    }


@pytest.mark.parametrize("document", [*DOCUMENTS, CHANGELOG], ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if "://" in link:
            continue
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert not broken


@each_document
def test_paths_that_are_named_are_there(document: Path) -> None:
    named = {
        name
        for name in quoted(document)
        if re.fullmatch(r"(matcher|profiles|tests|benchmarks|fixtures|docs)/[\w./-]*", name)
    }
    assert not {name for name in named if not (ROOT / name).exists()}


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or something that can be had of one."""
    found: object = None
    parts = name.split(".")
    for number, part in enumerate(parts, start=1):
        try:
            found = import_module(".".join(parts[:number]))
        except ImportError:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
    return True


@each_document
def test_names_of_modules_are_right(document: Path) -> None:
    """`matcher.explain(...)` is the name before the brackets; a `.toml`, say, is no module."""
    texts = {text.partition("(")[0] for text in quoted(document)}
    named = {text for text in texts if re.fullmatch(r"(matcher|profiles)(\.\w+)+", text)}
    assert not {name for name in named if not resolves(name)}


@each_document
def test_members_are_they(document: Path) -> None:
    words = re.findall(r"\b(he|him|his|himself)\b", document.read_text("utf-8"), re.IGNORECASE)
    assert not words


# --- the layout, the API


def test_the_layout_has_the_order_of_the_stages() -> None:
    blocks = re.findall(r"^```\n(.*?)^```$", LAYOUT.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert ORDER in [block.split() for block in blocks]


def test_the_layout_has_every_folder() -> None:
    tree = LAYOUT.read_text("utf-8").split("```")[1]
    for package in (matcher, profiles):
        (folder,) = map(Path, package.__path__)
        inner = [each.parent.name for each in folder.glob("*/__init__.py")]
        assert not [name for name in inner if f"  {name}/ " not in tree]


@pytest.mark.parametrize("package", [matcher, profiles], ids=lambda package: package.__name__)
def test_the_reference_has_every_name_that_is_exported(package: ModuleType) -> None:
    text = API.read_text("utf-8")
    names = [name for name in package.__all__ if not re.search(rf"`([a-z]+\.)?{name}\b", text)]
    assert not names


def test_the_examples_of_the_api_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", API.read_text("utf-8"), re.DOTALL):
        exec(block, names)
    assert names["held"] is not None
    assert names["difference"].tally.lost > 1000
    assert (tmp_path / "pairs.parquet").is_file()


# --- diagnostic codes

LEVELS = ("error", "warning", "info")
TREES = {path: ast.parse(path.read_text("utf-8")) for path in SOURCES}


def functions_of(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


GENERATORS = {each.name: each for tree in TREES.values() for each in functions_of(tree)}


def parameters_of(function: ast.FunctionDef) -> list[str]:
    return [each.arg for each in function.args.args if each.arg != "self"]


def texts(node: ast.expr, function: ast.FunctionDef) -> set[str]:
    """The texts that an expression may be: a constant, either of two, or a local variable's.

    Fails where that cannot be read, so that no code goes unnoticed.
    """
    match node:
        case ast.Constant(str() as value):
            return {value}
        case ast.Attribute(ast.Name("Level"), level):
            return {level.lower()}
        case ast.IfExp(body=one, orelse=other):
            return texts(one, function) | texts(other, function)
        case ast.Name(name):
            found = set().union(*(texts(each, function) for each in bound(name, function)))
            if found:
                return found
    raise AssertionError(f"{function.name}: cannot tell what `{ast.unparse(node)}` is")


def bound(name: str, function: ast.FunctionDef) -> Iterator[ast.expr]:
    """All that a local variable is set to, be it by a loop over a generator that yields tuples."""
    for node in ast.walk(function):
        match node:
            case ast.Assign([ast.Name(target)], value) if target == name:
                yield value
            case ast.Assign([ast.Tuple(targets)], ast.Tuple(values)):
                yield from (
                    value
                    for target, value in zip(targets, values, strict=True)
                    if ast.unparse(target) == name
                )
            case ast.For(ast.Tuple(targets), ast.Call(ast.Name(generator))):
                names = [ast.unparse(target) for target in targets]
                for each in ast.walk(GENERATORS[generator]) if name in names else ():
                    if isinstance(each, ast.Yield) and isinstance(each.value, ast.Tuple):
                        yield each.value.elts[names.index(name)]


def emitters_of(tree: ast.Module) -> Mapping[str, ast.FunctionDef]:
    """The functions of a module that make a finding of the code that they are given."""
    return {
        each.name: each
        for each in functions_of(tree)
        if "code" in parameters_of(each)
        and re.search(r"\b(Diagnostic|PanelFinding|Level)\b", ast.unparse(each))
    }


def emitted(tree: ast.Module) -> Iterator[tuple[set[str], set[str]]]:
    """The codes, and the levels, of every place in a module that makes a finding."""
    own = emitters_of(tree)
    for function in functions_of(tree):
        if function.name in own:
            continue
        for call in ast.walk(function):
            if not isinstance(call, ast.Call):
                continue
            name = ast.unparse(call.func).rpartition(".")[2]
            of_findings = ast.unparse(call.func).endswith(f"findings.{name}")
            given = {each.arg: each.value for each in call.keywords if each.arg}
            if name == "Diagnostic":
                names = ["level", "code"]
            elif name == "PanelFinding":
                names = ["code", "level"]
            elif of_findings and name in (*LEVELS, "add"):
                names = ["level", "code"] if name == "add" else ["code"]
            elif name in own:
                names = parameters_of(own[name])
            else:
                continue
            given.update(zip(names, call.args, strict=False))
            if ast.unparse(given["code"]).endswith(".code"):
                continue  # a finding in another form
            if "level" in given:
                levels = texts(given["level"], function)
            elif name in LEVELS:
                levels = {name}
            else:
                inner = [each for each in ast.walk(own[name]) if isinstance(each, ast.Attribute)]
                levels = {each.attr.lower() for each in inner if ast.unparse(each.value) == "Level"}
            yield texts(given["code"], function), levels


def in_code() -> dict[str, set[str]]:
    """Every code that the code has, with its levels."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for tree in TREES.values():
        for codes, levels in emitted(tree):
            for code in codes:
                found[code] |= levels
    return found


def in_document() -> dict[str, set[str]]:
    """Every code that has a row in the reference, with the levels of its rows."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    rows = re.findall(
        r"^\| `([\w-]+)` \| ([\w, ]+) \|", DIAGNOSTICS.read_text("utf-8"), re.MULTILINE
    )
    for code, levels in rows:
        found[code] |= set(levels.split(", "))
    return found


def test_the_reference_has_every_diagnostic_code_with_its_levels() -> None:
    found = in_code()
    assert len(found) > 40
    assert all(levels <= set(LEVELS) for levels in found.values())
    assert in_document() == found
