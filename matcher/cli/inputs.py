"""How commands load payloads and the panel, and make a router of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from matcher.cli.options import Options
from matcher.linting import history_diagnostics, panel_diagnostics
from matcher.loading import load_surveys
from matcher.routing import Router
from matcher.routing import open_router as open_panel_router
from matcher.surveys import ChoiceStrategy, Surveys
from profiles.panel import Panel, open_panel


def load_inputs(payloads: tuple[str, ...], panel: Path, options: Options) -> tuple[Panel, Surveys]:
    """The panel, and the surveys in payloads with all diagnostics of them and of the panel."""
    twice = options.choose is ChoiceStrategy.SCARCEST
    opened = open_panel(panel, options.day, keep=twice)
    return opened, load_for(opened, payloads, options)


def load_for(panel: Panel, payloads: tuple[str, ...], options: Options) -> Surveys:
    """The surveys in payloads, for a panel, with all diagnostics of them and of the panel."""
    surveys = load_surveys(payloads, panel.mapping, options.marketplace)
    of_panel = panel_diagnostics(panel.findings()) + history_diagnostics(panel, surveys.surveys)
    return replace(surveys, diagnostics=(*of_panel, *surveys.diagnostics))


def open_router(panel: Panel, surveys: Surveys, options: Options) -> Router:
    """A router of surveys for members of a panel; its history is read where it names one.

    The panel is counted first where the choice of a quota rests on it.
    """
    return open_panel_router(
        surveys,
        panel,
        choose=options.choose,
        seed=options.seed,
        as_of=options.as_of,
        workers=options.threads,
    )
