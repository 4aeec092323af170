"""Argus dashboard: a pure client of the snapshot stream, drawn in the browser.

One subscription, one payload, any number of browsers:

    Argus server --gRPC--> subscription --Fleet.of--> feed --HTTP, 304 when the same--> browser modules --> components
                               |                                                              ^
                               +-- Event: "revision N", one small message per page -----------+

Rooms:

    command.py       `argus ui`; settings.py checks what it was told; serving.py runs the process
    app.py           composition root: wires all of the below
    subscription.py  the one subscription: newest fleet, state of the connection, what the server offers
    columns.py       a snapshot as columns; spark.py packs sparklines into short texts
    answers.py       what many browsers ask for, made once: kept for a while, or until the next snapshot
    heat.py          the fleet as grids; server_document.py one server, both as plain values
    past.py          ranges and horizons of the views of the past
    feed.py          documents: built once, compressed once, the same bytes for every browser
    page.py          the one page: head with the first payload in it, frame, router
    view.py          what a view is; actions.py what people do about alerts; refusals.py what they are told of errors
    views/           one module per view
    components/      Vue components as NiceGUI elements, one .py and one .js each
    browser/         ES modules that components share (`argus/feed.js`, ...) and the style sheet
    access/          log-in, origins, headers

To add a view, write `views/<name>.py` with a constant `VIEW`, and nothing else: it is then in the menu, the palette and
the router, and absent where the server does not offer what it `needs`.

    def build(context: ViewContext) -> None:      # per browser that opens it: few elements, no timers, no bindings
        Heatmap()                                 # components/heatmap.py + heatmap.js

    def routes(context: ViewContext) -> list[Route]:      # once; below /api/
        async def history(request: Request) -> Response:
            found = await context.client.history.get_fleet_history(...)     # an ArgusError answers by itself
            return Document.of(found).response(request)                     # gzip and ETag
        return [Route("/api/heatmap", history)]

    VIEW = View("heatmap", "Heatmap", "heatmap", "/heatmap", 20, build, routes, needs=("History",))

Its elements are `ViewPart`: a Python class that names a Vue component, which browsers fetch when the view is opened or
while they have nothing to do. Views are switched in the browser, which asks nobody.

A component imports what is shared: `fleet` and `link` of `argus/feed.js` (watch them; columns are those of
columns.py), `getJson` and `postJson` of `argus/api.js`, `route`, `setQuery`, `navigate` of `argus/navigation.js`
(filters, selection and range live in the URL, and nowhere else), `argus/format.js`, `argus/icons.js`,
`argus/time_left.js` (the one way to say how long until a threshold is crossed), `argus/filters.js`, `argus/spark.js`,
`argus/charts.js` (ECharts, loaded when first drawn), `argus/csv.js`, `onKey` of `argus/keys.js`. Say with
`shownWhen("<name>", isReady)` of `argus/timing.js` when the view has what it is about: the benchmark waits for it. Ask
with `useAnswer` of `argus/answer.js`: it asks again when there is news, when the page is looked at again and when a
connection is back, and has the last answer of a view that is opened again. Class names begin with `a-`; rules that only
one view needs go into `browser/<name>.css`. Give what a test clicks a `data-test`.

Names of servers, authors and notes come from strangers. They are text nodes (`{{ name }}`, `h("span", name)`), query
parameters and JSON; never HTML, never JavaScript, never a part of a path.
"""
