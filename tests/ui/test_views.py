"""What holds of all views, without a browser."""

from __future__ import annotations

from argus_ui.views import all_views


def test_every_view_has_a_place_of_its_own() -> None:
    views = all_views()
    for what in ("name", "path", "order", "title"):
        values = [getattr(view, what) for view in views]
        assert len(set(values)) == len(values), values
