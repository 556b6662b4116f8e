"""What users install: the wheel, typed, and what they write against it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from matcher.version import __version__
from tests.support.corpus import ROOT

SCRIPT = '''
"""What a user's own job looks like."""

from __future__ import annotations

import sys
from pathlib import Path

import matcher
import profiles
from profiles import InputError


def count(folder: Path) -> dict[str, int]:
    panel: profiles.Panel = profiles.open_panel(folder / "panel.toml", "2026-11-21")
    surveys: matcher.Surveys = matcher.load_surveys(folder / "payloads", panel.mapping)
    plan: matcher.Plan = matcher.compile(surveys)
    matches: matcher.Matches = plan.match(panel, choose=matcher.ChoiceStrategy.SCARCEST)
    for match in matches:
        verdict: matcher.Verdict = match.verdict
        assert verdict is matcher.Verdict.ELIGIBLE
        break
    errors = [each for each in surveys.diagnostics if each.level is matcher.Level.ERROR]
    print(len(errors), "errors", file=sys.stderr)
    return {each.survey: each.eligible for each in matches.counts().surveys}


def route(plan: matcher.Plan, member: dict[str, object]) -> list[str]:
    routed: matcher.Routed = matcher.Router(plan).match(member)
    return [offer.survey for offer in routed.eligible]


try:
    print(sum(count(Path(sys.argv[1])).values()))
except InputError as error:
    sys.exit(str(error))
'''


def run(*line: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        line, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, which finds what it needs where this one does."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    run(*pip, "--no-deps", "--no-index", wheel, cwd=folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


def test_the_wheel_holds_what_runs_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.name == f"quota_matcher-{__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        *("matcher", "profiles", f"quota_matcher-{__version__}.dist-info")
    }
    assert {"matcher/py.typed", "profiles/py.typed"} <= set(names)
    assert "matcher/reports/diff/templates/report.html" in names


def test_the_source_distribution_holds_what_builds_it(built: Path) -> None:
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "matcher/cli/app.py"} <= names
    assert not {name for name in names if name.startswith((".venv", "out/"))}


def test_a_strictly_typed_script_of_a_user(installed: Path, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(SCRIPT)
    python = ["--python-executable", str(installed)]
    run(sys.executable, "-m", "mypy", "--strict", *python, script, cwd=tmp_path)
    where = run(installed, "-c", "import matcher; print(matcher.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parents[1])
    total = run(installed, script, ROOT / "fixtures" / "demo", cwd=tmp_path)
    assert int(total) > 0
