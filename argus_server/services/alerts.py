"""`argus.v1.AlertService`: alerts listed, followed and acted on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from argus.v1 import alert_pb2
from argus_server.alerts.desk import AlertDesk
from argus_server.alerts.feed import AlertFeed, AlertWatch
from argus_server.errors import InvalidArgument, Unavailable
from argus_server.security.caller import current_caller

Authored = TypeVar(
    "Authored",
    alert_pb2.AcknowledgeAlertRequest,
    alert_pb2.AddAlertNoteRequest,
    alert_pb2.CreateSilenceRequest,
    alert_pb2.ExpireSilenceRequest,
    alert_pb2.MaintenanceWindow,
    alert_pb2.DeleteMaintenanceWindowRequest,
)


class AlertServicer:
    """Hands alerts to readers, and takes what people do to them.

    Args:
        desk: Where alerts are.
        feed: Where watches live.
        max_watches: Watches that may be open at once.
    """

    def __init__(self, desk: AlertDesk, feed: AlertFeed, max_watches: int) -> None:
        self._desk = desk
        self._feed = feed
        self._max_watches = max_watches

    async def ListAlerts(self, request: alert_pb2.ListAlertsRequest) -> alert_pb2.ListAlertsResponse:
        """Alerts, most urgent first."""
        if 0 in request.states:
            raise InvalidArgument(
                "ALERT_STATE_UNSPECIFIED is no state; leave the list empty for pending and firing",
                field="states",
            )
        return alert_pb2.ListAlertsResponse(alerts=await self._desk.list_alerts(request))

    def WatchAlerts(
        self, request: alert_pb2.WatchAlertsRequest
    ) -> AsyncIterator[alert_pb2.WatchAlertsResponse]:
        """Streams alerts until the reader leaves or the server drains."""
        if len(self._feed.watches) >= self._max_watches:
            raise Unavailable(
                f"{len(self._feed.watches)} watches are open, the most this server allows; "
                "share one between readers, or raise --max-subscribers",
                retry_delay_seconds=10.0,
            )
        return AlertWatch(self._feed, request.servers).messages()

    async def AcknowledgeAlert(
        self, request: alert_pb2.AcknowledgeAlertRequest
    ) -> alert_pb2.AcknowledgeAlertResponse:
        """Notes who is on an alert."""
        return alert_pb2.AcknowledgeAlertResponse(alert=await self._desk.acknowledge(_signed(request)))

    async def AddAlertNote(self, request: alert_pb2.AddAlertNoteRequest) -> alert_pb2.AddAlertNoteResponse:
        """Adds a note."""
        return alert_pb2.AddAlertNoteResponse(alert=await self._desk.add_note(_signed(request)))

    async def CreateSilence(self, request: alert_pb2.CreateSilenceRequest) -> alert_pb2.CreateSilenceResponse:
        """Makes a silence."""
        return alert_pb2.CreateSilenceResponse(silence=await self._desk.create_silence(_signed(request)))

    async def ExpireSilence(self, request: alert_pb2.ExpireSilenceRequest) -> alert_pb2.ExpireSilenceResponse:
        """Ends a silence."""
        return alert_pb2.ExpireSilenceResponse(silence=await self._desk.expire_silence(_signed(request)))

    async def ListSilences(self, request: alert_pb2.ListSilencesRequest) -> alert_pb2.ListSilencesResponse:
        """Silences as they stand."""
        found = await self._desk.silences(include_expired=request.include_expired)
        return alert_pb2.ListSilencesResponse(silences=found)

    async def PutMaintenanceWindow(
        self, request: alert_pb2.PutMaintenanceWindowRequest
    ) -> alert_pb2.PutMaintenanceWindowResponse:
        """Makes or replaces a maintenance window."""
        if not request.HasField("window"):
            raise InvalidArgument("the request has no window", field="window")
        window = await self._desk.put_window(_signed(request.window))
        return alert_pb2.PutMaintenanceWindowResponse(window=window)

    async def DeleteMaintenanceWindow(
        self, request: alert_pb2.DeleteMaintenanceWindowRequest
    ) -> alert_pb2.DeleteMaintenanceWindowResponse:
        """Removes a maintenance window."""
        await self._desk.delete_window(_signed(request))
        return alert_pb2.DeleteMaintenanceWindowResponse()

    async def ListMaintenanceWindows(
        self, request: alert_pb2.ListMaintenanceWindowsRequest
    ) -> alert_pb2.ListMaintenanceWindowsResponse:
        """Maintenance windows as they stand."""
        return alert_pb2.ListMaintenanceWindowsResponse(windows=await self._desk.windows())


def _signed(request: Authored) -> Authored:
    """The request with the name by which the server knows its author, where it knows one; else what the client says."""
    caller = current_caller()
    if caller.kind != "anonymous":
        request.author = caller.name
    return request
