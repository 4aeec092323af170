"""All about one server."""

from __future__ import annotations

from argus_ui.components.view_part import ViewPart


class ServerDetail(ViewPart, module="server_detail.js"):
    """The server that the URL names: how it stands, its metrics, its alerts."""
