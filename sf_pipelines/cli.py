"""`sf-pipelines`: the command line. Arguments in, one call down, tables or JSON out; no work of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
import typer
from rich.console import Console, RenderableType
from rich.markup import escape

from sf_pipelines.local.known_errors import KNOWN_ERRORS, sentence
from sf_pipelines.local.logs import configure_logs
from sf_pipelines.model.outcome import FailureClass

app = typer.Typer(
    help="Move records between a warehouse and Salesforce, and account for every one of them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def main() -> None:
    """Entry point: an error that we know becomes one sentence on standard error and exit code 1."""
    try:
        configure_logs()
        app()
    except KNOWN_ERRORS as error:
        _err().print(f"[bold red]sf-pipelines:[/] {escape(sentence(error))}", soft_wrap=True)
        sys.exit(1)


@app.command(
    epilog="Examples:  sf-pipelines demo  |  sf-pipelines demo --source crm/ --json",
)
def demo(
    source: Annotated[
        Path | None,
        typer.Option(help="Folder with accounts.csv and sales_pipeline.csv; by default data made by a seed."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the nightly job and the extract back on an embedded org and database, and prove the result.

    Starts from an empty sandbox each time (SF_PIPELINES_HOME, by default .sf_pipelines).
    """
    from sf_pipelines.local.demo import run_demo
    from sf_pipelines.local.demo_tables import print_report

    report = run_demo(source=source, tell=_teller())
    if as_json:
        _print_json(report.to_json())
    else:
        print_report(report, Console())
    raise typer.Exit(0 if report.is_proven else 1)


@app.command(epilog="Examples:  sf-pipelines demo-changes  |  sf-pipelines demo-changes --json")
def demo_changes(as_json: JsonOption = False) -> None:
    """Change an embedded org while its subscriber is killed, starved and loses its place; prove the result.

    Starts from an empty sandbox each time (SF_PIPELINES_HOME, by default .sf_pipelines).
    """
    from sf_pipelines.local.change_demo import run_change_demo
    from sf_pipelines.local.change_demo_tables import print_change_report

    report = run_change_demo(tell=_teller())
    if as_json:
        _print_json(report.to_json())
    else:
        print_change_report(report, Console())
    raise typer.Exit(0 if report.is_proven else 1)


@app.command(epilog="Example:  sf-pipelines dev --port 3000")
def dev(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the Dagster UI on loopback.")] = 3000,
) -> None:
    """Open the Dagster UI on the embedded parts; Ctrl-C stops all that was started."""
    from sf_pipelines.local.dev import run_dev

    raise typer.Exit(run_dev(port=port, tell=_teller()))


@app.command(
    epilog="Examples:  sf-pipelines emulator --port 8880 --json  |  sf-pipelines emulator --tls-port 8443",
)
def emulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on loopback; 0 takes a free one.")] = 0,
    tls_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Serve the same org by HTTPS too; 0 takes a free port."),
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="YAML file with custom objects and fields of your own.")
    ] = None,
    org: Annotated[
        Path | None, typer.Option(help="File that keeps the org between starts; by default memory only.")
    ] = None,
    jwt_certificate: Annotated[
        Path | None,
        typer.Option(help="PEM certificate or public key that checks the assertions of the JWT bearer flow."),
    ] = None,
    rotate_refresh_tokens: Annotated[
        bool, typer.Option(help="Answer each refresh with a new refresh token and end the old one.")
    ] = False,
    seed: Annotated[
        str | None,
        typer.Option(help="Records to begin with: 'Account=1000,Contact=5000', or a YAML file of counts."),
    ] = None,
    pubsub_port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Serve change events by the Pub/Sub API too (gRPC); 0 takes a free port."
        ),
    ] = None,
    change_events: Annotated[
        str | None,
        typer.Option(
            help="Objects whose changes make events: 'Account,Contact', or '' for none; by default five "
            "with --pubsub-port, none without."
        ),
    ] = None,
    profile: Annotated[
        Literal["instant", "realistic"], typer.Option(help="How slow requests, triggers and Bulk jobs are.")
    ] = "instant",
    as_json: JsonOption = False,
) -> None:
    """Run the local Salesforce org by itself, and print how to reach it once it listens."""
    from sf_pipelines.local.emulator_command import run_emulator

    run_emulator(
        port=port,
        tls_port=tls_port,
        as_json=as_json,
        schema=schema,
        org=org,
        jwt_certificate=jwt_certificate,
        rotates_refresh_tokens=rotate_refresh_tokens,
        seed=seed,
        pubsub_port=pubsub_port,
        change_events=change_events,
        profile=profile,
    )


@app.command(
    epilog="Examples:  sf-pipelines subscribe  |  "
    "sf-pipelines subscribe --merge Account --merge Opportunity  |  "
    "sf-pipelines subscribe --channel /data/AccountChangeEvent --channel /data/Invoice__ChangeEvent --json",
)
def subscribe(
    channel: Annotated[
        list[str] | None,
        typer.Option(help="A channel to read, several times for several; by default SF_PIPELINES_CHANNELS."),
    ] = None,
    merge: Annotated[
        list[str] | None,
        typer.Option(help="An object to merge into raw.<object> as changes come; else Dagster merges."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Store change events of the org until Ctrl-C or SIGTERM; a second one on a channel stands by.

    Goes on where the ledger says that the channel is stored, and stores what has arrived before it ends.
    """
    from sf_pipelines.local.subscribe_command import run_subscribe

    _answer(*run_subscribe(channel or (), merge or (), tell=_teller()), as_json=as_json)


@app.command(
    epilog="Examples:  sf-pipelines failures --sync opportunity_load  |  "
    "sf-pipelines failures --sync opportunity_load --code STRING_TOO_LONG --export fix.csv  |  "
    "sf-pipelines failures --class data --json",
)
def failures(
    sync: Annotated[str | None, typer.Option(help="Only records of this load.")] = None,
    run: Annotated[UUID | None, typer.Option(help="Only records of this run of the ledger.")] = None,
    code: Annotated[str | None, typer.Option(help="Only records with this error code.")] = None,
    failure_class: Annotated[
        FailureClass | None, typer.Option("--class", help="Only records of this kind of failure.")
    ] = None,
    include_resolved: Annotated[
        bool, typer.Option("--all", help="Also records that a later run has got through.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Records shown; counts are exact.")] = 20,
    export: Annotated[
        Path | None,
        typer.Option(help="Write all matching records of one load to a CSV file, to fix them there."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the records that did not reach the org, why, and what to do next."""
    from sf_pipelines.ledger.failure_queries import FailureFilter
    from sf_pipelines.local.failures_command import export_failures, show_failures

    which = FailureFilter(
        sync=sync,
        run_id=run,
        code=code,
        failure_class=failure_class,
        is_open=None if include_resolved else True,
    )
    if export is not None:
        rows = export_failures(which, export)
        _answer(
            {"rows": rows, "file": str(export)}, f"{rows:,} rows in {escape(str(export))}.", as_json=as_json
        )
        return
    _answer(*show_failures(which, limit=limit), as_json=as_json)


@app.command(epilog="Example:  sf-pipelines trace OPP-000123 --sync opportunity_load")
def trace(
    key: Annotated[str, typer.Argument(help="Value of the load's key field, as the source has it.")],
    sync: Annotated[str | None, typer.Option(help="Only runs of this load.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the life of one record: each run, job or request, code, attempt, and how it ended."""
    from sf_pipelines.local.failures_command import trace_record

    _answer(*trace_record(key, sync=sync), as_json=as_json)


policy_app = typer.Typer(
    help="Thresholds of the rail policy; a change holds from the next decision on.", no_args_is_help=True
)
app.add_typer(policy_app, name="policy")


@policy_app.command("show", epilog="Example:  sf-pipelines policy show --json")
def policy_show(as_json: JsonOption = False) -> None:
    """Show every threshold: its value, bounds and meaning, and who set it."""
    from sf_pipelines.local.policy_command import show_policy

    _answer(*show_policy(), as_json=as_json)


@policy_app.command(
    "set",
    epilog="Example:  sf-pipelines policy set reserve_share.normal=0.15 throttle_below_share=0.3 "
    "reserve_share.deferrable=0.3 --reason 'quarter end'",
)
def policy_set(
    assignments: Annotated[list[str], typer.Argument(help="name=value, several at once are set together.")],
    reason: Annotated[str, typer.Option(help="Why, for the history.")],
    by: Annotated[str | None, typer.Option(help="Who; by default the user of this machine.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Set thresholds, all of those given or none."""
    from sf_pipelines.local.policy_command import set_policy

    _answer(*set_policy(assignments, reason=reason, set_by=by), as_json=as_json)


@policy_app.command("history", epilog="Example:  sf-pipelines policy history reserve_share.normal")
def policy_changes(
    name: Annotated[str | None, typer.Argument(help="Only changes of this threshold.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Changes shown.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show who set what, when and why."""
    from sf_pipelines.local.policy_command import policy_history

    _answer(*policy_history(name, limit=limit), as_json=as_json)


@app.command(
    epilog="Examples:  sf-pipelines plan account_load --rows 250000  |  "
    "sf-pipelines plan account_extract --backfill 2026-01-01 2026-03-31 --json",
)
def plan(
    sync: Annotated[str, typer.Argument(help="Name of a declared sync.")],
    rows: Annotated[int | None, typer.Option(min=0, help="Rows; by default those of its last run.")] = None,
    bytes_raw: Annotated[int | None, typer.Option("--bytes", min=0, help="Size as CSV, in bytes.")] = None,
    backfill: Annotated[
        tuple[datetime, datetime] | None,
        typer.Option(help="First and last night of a backfill.", formats=["%Y-%m-%d"]),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what would happen to a sync now: rail, price in calls, jobs, bytes and minutes, and why."""
    from sf_pipelines.local.plan_command import plan_sync

    nights = (backfill[0].date(), backfill[1].date()) if backfill else None
    _answer(*plan_sync(sync, rows=rows, bytes_raw=bytes_raw, backfill=nights), as_json=as_json)


@app.command(epilog="Examples:  sf-pipelines simulate --json  |  sf-pipelines simulate --png month.png")
def simulate(
    days: Annotated[int, typer.Option(min=1, max=366, help="Days to simulate.")] = 30,
    seed: Annotated[int, typer.Option(min=0, help="Of the workload and the other applications.")] = 1,
    png: Annotated[Path | None, typer.Option(help="Write a plot to this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the rail policy with fixed rules over a month of declared syncs on a modelled org."""
    from sf_pipelines.local.simulate_command import simulate_month

    _answer(*simulate_month(days=days, seed=seed, png=png), as_json=as_json)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    epilog="Examples:  sf-pipelines dbt build --select mart  |  sf-pipelines dbt source freshness  |  "
    "sf-pipelines dbt docs generate",
)
def dbt(context: typer.Context) -> None:
    """Run a dbt command on the project of the models and the warehouse of the settings."""
    from sf_pipelines.local.dbt_command import run_dbt_command

    raise typer.Exit(run_dbt_command(context.args))


@app.command(
    epilog="Examples:  sf-pipelines run account_load  |  sf-pipelines run account_load --partition 2026-01-31"
)
def run(
    sync: Annotated[str, typer.Argument(help="Name of a declared load.")],
    partition: Annotated[
        str | None, typer.Option(help="Day, or hour of a usage sync; by default the running one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run one declared load through Dagster and tell how it ended; exit code 1 unless it ended green.

    Starts the embedded parts that the settings do not replace; while `sf-pipelines dev` runs, use its UI.
    """
    from sf_pipelines.local.run_command import run_sync

    run, document, shown = run_sync(sync, partition, tell=_teller())
    _answer(document, shown, as_json=as_json)
    raise typer.Exit(0 if run.is_green else 1)


@app.command(epilog="Examples:  sf-pipelines doctor  |  sf-pipelines doctor --json")
def doctor(as_json: JsonOption = False) -> None:
    """Examine settings, database, lake, org, permissions and clock, and say what mends what is wrong.

    Ends with exit code 1 where a run could not go; changes nothing.
    """
    from sf_pipelines.local.doctor import as_document, as_table, is_healthy, run_doctor

    findings = run_doctor()
    _answer(as_document(findings), as_table(findings), as_json=as_json)
    raise typer.Exit(0 if is_healthy(findings) else 1)


@app.command(epilog="Example:  sf-pipelines metrics --port 9108")
def metrics(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 9108,
    host: Annotated[
        str, typer.Option(help="Address to listen on; this machine only by default.")
    ] = "127.0.0.1",
) -> None:
    """Serve the ledger's figures for Prometheus; Ctrl-C stops it."""
    from sf_pipelines.local.metrics_command import serve_metrics
    from sf_pipelines.local.processes import stopped_by_signals

    with stopped_by_signals() as is_over:
        serve_metrics(host=host, port=port, is_over=is_over, tell=_teller())


def _answer(document: dict[str, Any], shown: RenderableType, *, as_json: bool) -> None:
    if as_json:
        _print_json(document)
    else:
        Console().print(shown)


def _teller() -> Callable[[str], None]:
    """Progress goes to standard error, so that standard output stays one document."""
    console = _err()
    return lambda text: console.print(f"[dim]{escape(text)}[/]", soft_wrap=True, highlight=False)


def _err() -> Console:
    return Console(stderr=True)


def _print_json(document: dict[str, Any]) -> None:
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


if __name__ == "__main__":
    main()
