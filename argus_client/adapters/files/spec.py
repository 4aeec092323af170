"""The files adapter as the command line knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from argus_client.adapters.core.spec import AdapterSpec, SourceContext
from argus_client.adapters.files.options import PARQUET, read_options
from argus_client.adapters.pull import PullSource

TEMPLATE: Final = """\
# argus adapter run files --config files.toml
# Follows JSON lines and CSV files as `tail -F` does, reads standard input, or directories of Parquet files.

[adapter]
name = "files"            # names the adapter at the server, and its state file
interval_seconds = 30     # between two looks for new lines
since = "24h"             # the first time, leave out older rows: a duration, an ISO time, or "all"
# overlap_seconds = 120   # rows of a server and second that came before are left out for so long
# page_rows = 10000       # lines to read at once
# state_dir = "state"     # where the place in each file is kept; default: ~/.local/state/argus/adapters
# metrics_listen = "127.0.0.1:9105"   # the adapter's own metrics, for Prometheus

[argus]
target = "127.0.0.1:50051"
# api_key_file = "argus.key"          # or the environment variable ARGUS_API_KEY
# tls = true                          # or cacert = "ca.pem"; cert, cert_key, server_name for mutual TLS

[source]
paths = ["*.jsonl"]       # paths or patterns, relative to this file; "-" alone is standard input
# format = "auto"         # jsonl, csv or parquet; auto tells text from its first lines, Parquet from the file names
# delimiter = ","         # of csv; if it is not said, what the header has
# settle_seconds = 5      # take a last line without its end once the file has been quiet for so long

[mapping]
# preset = "contract"     # the contract's own names: timestamp, server_name, state, cpu_user_pct, ...
timestamp = ["timestamp", "@timestamp", "time", "ts"]   # the first that has a value; ISO text or a number
# timestamp_unit = "auto" # what a number counts: s, ms, us, ns, or told by its size
server_name = ["server_name", "hostname", "host"]
state = ["state", "status"]
# derive_idle = true      # cpu_idle_pct = 100 - user - sys - iowait where it is not measured
# names = [{ match = "\\\\.example\\\\.com$", replace = "" }]   # rewrite server names by regular expressions

[mapping.columns]         # metric = field, or fields to try in turn; a field may be scaled, a metric have a default
# cpu_user_pct = ["cpu_user_pct", "cpu_user", { field = "system.cpu.user.pct", scale = 100 }]
# swap_used_pct = { field = "swap", default = 0 }

[mapping.states]          # further names of states
# degraded = "heavy_load"
"""


def build(values: Mapping[str, object], context: SourceContext) -> PullSource:
    """Makes the source that fits the files.

    Raises:
        ConfigError: the `[source]` table is wrong.
        MissingExtraError: Parquet is to be read and pyarrow is not installed.
    """
    options = read_options(values, context)
    if options.is_stdin:
        from argus_client.adapters.files.stdin import StdinSource

        return StdinSource(options, context)
    if options.format == PARQUET:
        from argus_client.adapters.files.parquet import ParquetSource

        return ParquetSource(options, context)
    from argus_client.adapters.files.source import FilesSource

    return FilesSource(options, context)


def _identity(values: Mapping[str, object]) -> object:
    return [values.get("paths"), values.get("format", "auto")]


SPEC: Final = AdapterSpec(
    name="files",
    summary="JSON lines and CSV files that grow, standard input, directories of Parquet files",
    template=TEMPLATE,
    build=build,
    identity=_identity,
)
