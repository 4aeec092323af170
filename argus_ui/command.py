"""`argus ui`. Its help needs the base install only."""

from __future__ import annotations

from typing import Annotated

import typer

from argus_client.cli.connecting import Connect, connecting
from argus_client.cli.options import Target
from argus_ui.settings import DEFAULT_LISTEN, SettingsError, UiSettings

_LOGIN = "Log-in and proxies"


@connecting
def ui(
    connect: Connect,
    listen: Annotated[
        str, typer.Option(envvar="ARGUS_UI_LISTEN", help="HOST:PORT for browsers; port 0 picks a free one.")
    ] = DEFAULT_LISTEN,
    target: Target = "127.0.0.1:50051",
    simulator: Annotated[
        str,
        typer.Option(envvar="ARGUS_UI_SIMULATOR", help="HOST:PORT of a simulator, to steer its scenario."),
    ] = "",
    dark: Annotated[
        bool | None,
        typer.Option("--dark/--light", envvar="ARGUS_UI_DARK", help="To begin with; else as the browser is."),
    ] = None,
    root_path: Annotated[
        str,
        typer.Option(
            envvar="ARGUS_UI_ROOT_PATH",
            rich_help_panel=_LOGIN,
            help="Path below which a reverse proxy shows the dashboard, such as /argus.",
        ),
    ] = "",
    user_header: Annotated[
        str,
        typer.Option(
            envvar="ARGUS_UI_USER_HEADER",
            rich_help_panel=_LOGIN,
            help="Header in which a reverse proxy that logs people in names the user, such as X-Forwarded-User.",
        ),
    ] = "",
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            envvar="ARGUS_UI_TRUSTED_PROXY",
            rich_help_panel=_LOGIN,
            help="Address of a proxy that is believed; loopback if not given. Repeat it for more.",
        ),
    ] = None,
    allowed_origin: Annotated[
        list[str] | None,
        typer.Option(
            envvar="ARGUS_UI_ALLOWED_ORIGIN",
            rich_help_panel=_LOGIN,
            help="Further origin whose pages may connect, such as https://status.example.com. Repeat it for more.",
        ),
    ] = None,
    insecure_listen: Annotated[
        bool,
        typer.Option(
            "--insecure-listen",
            rich_help_panel=_LOGIN,
            help="Allow listening beyond loopback without a log-in.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the address as one JSON line when ready.")
    ] = False,
    stop_on_eof: Annotated[
        bool,
        typer.Option(
            "--stop-on-eof", help="Stop when standard input ends: a dashboard that dies with its parent."
        ),
    ] = False,
) -> None:
    """Run the dashboard: the fleet, live, in a browser.

    Set ARGUS_UI_PASSWORD to ask for a password, and ARGUS_UI_STORAGE_SECRET for sessions that outlive a restart;
    neither can be given on the command line, where others could see it.
    """
    import os

    defaults = UiSettings()
    try:
        settings = UiSettings(
            listen=listen,
            target=target,
            simulator=simulator,
            dark=dark,
            root_path=root_path,
            password=os.environ.get("ARGUS_UI_PASSWORD", ""),
            storage_secret=os.environ.get("ARGUS_UI_STORAGE_SECRET", ""),
            user_header=user_header,
            trusted_proxies=tuple(trusted_proxy or defaults.trusted_proxies),
            allowed_origins=tuple(allowed_origin or ()),
            insecure_listen=insecure_listen,
        )
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    from argus_ui.serving import run

    run(settings, connect, as_json=as_json, stop_on_eof=stop_on_eof)
