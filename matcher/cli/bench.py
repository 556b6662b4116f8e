"""The command `bench`: what an inventory costs on a panel, as a regression test."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from matcher.benchmarking import (
    Benchmark,
    BenchmarkComparison,
    BenchmarkSettings,
    check_writable,
    file_of,
    read_benchmark,
    run_benchmark,
    save_benchmark,
)
from matcher.cli.inputs import load_inputs
from matcher.cli.options import (
    DEFAULTS,
    Options,
    PanelPath,
    Payloads,
    make_console,
    reportable,
    result_console,
    write_document,
)
from matcher.cli.usage import at_least_one, read_whole, unshield_stdin
from matcher.reports.bench import benchmark_json, print_benchmark
from matcher.reports.diagnostics import print_summary
from matcher.reports.markup import shown
from matcher.surveys import Diagnostic
from profiles.errors import InputError

_PERCENT = re.compile(r"\d+(\.\d+)?%?", re.ASCII)


def bench(
    payloads: Payloads,
    /,
    *,
    panel: PanelPath,
    save: Annotated[str | None, Parameter(help="Save the benchmark as NAME.json.")] = None,
    compare: Annotated[str | None, Parameter(help="Compare with the one in NAME.json.")] = None,
    fail_over: Annotated[
        str | None,
        Parameter(
            help="With --compare: status 1 where a ratio is so many percent above 1 (20%), or a "
            "counter differs."
        ),
    ] = None,
    rounds: Annotated[
        int,
        Parameter(
            help="Time each stage in so many rounds, at least.",
            converter=read_whole,
            validator=at_least_one,
        ),
    ] = 5,
    options: Options = DEFAULTS,
) -> int:
    """What this inventory costs on this panel, as a regression test."""
    limit = None if fail_over is None else _percent(fail_over)
    if limit is not None and compare is None:
        raise InputError("`--fail-over` goes with `--compare`")
    before = None if compare is None else read_benchmark(_file(compare))
    saved = None if save is None else _file(save)
    if saved is not None:
        check_writable(saved)
    diagnostics = _diagnostics(payloads, panel, options)
    settings = BenchmarkSettings(
        options.day,
        options.choose,
        options.seed,
        uncertain=options.uncertain,
        marketplace=options.marketplace,
        workers=options.workers or 1,
        rounds=rounds,
    )
    after = run_benchmark(payloads, panel, settings)
    if saved is not None:
        save_benchmark(after, saved)
    comparison = None if before is None else BenchmarkComparison(before, after)
    findings = [] if comparison is None or limit is None else [*comparison.findings(limit)]
    _print(after, comparison, findings, diagnostics, options)
    return 1 if findings or options.refuses(diagnostics) else 0


def _file(name: str) -> Path:
    return file_of(unshield_stdin(name))


def _percent(written: str) -> float:
    if not _PERCENT.fullmatch(written):
        raise InputError(f"`--fail-over`: `{written}` is not a percentage, such as 20%")
    return float(written.removesuffix("%"))


def _diagnostics(
    payloads: tuple[str, ...], panel: Path, options: Options
) -> tuple[Diagnostic, ...]:
    """The diagnostics of the inputs; the surveys themselves are let go before any is timed."""
    _, surveys = load_inputs(payloads, panel, options)
    return surveys.diagnostics


def _print(
    benchmark: Benchmark,
    comparison: BenchmarkComparison | None,
    findings: list[str],
    diagnostics: tuple[Diagnostic, ...],
    options: Options,
) -> None:
    if options.json:
        write_document(benchmark_json(benchmark, comparison, findings, diagnostics))
        return
    console = make_console()
    if not options.quiet:
        with result_console() as result:
            print_benchmark(result, benchmark, comparison)
    for finding in findings:
        console.print(f"[bold red]over[/bold red]: {shown(finding)}", soft_wrap=True)
    print_summary(console, reportable(diagnostics, options))
