"""What `argus adapter init elasticsearch` writes, and the mappings it knows by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

METRICBEAT: Final = """\
timestamp = "@timestamp"
server_name = ["host.name", "host.hostname", "agent.hostname"]
state = []

[columns]
cpu_user_pct = { field = "system.cpu.user.norm.pct", scale = 100 }
cpu_sys_pct = { field = "system.cpu.system.norm.pct", scale = 100 }
cpu_iowait_pct = { field = "system.cpu.iowait.norm.pct", scale = 100 }
cpu_idle_pct = { field = "system.cpu.idle.norm.pct", scale = 100 }
java_cpu_pct = []
mem_used_pct = { field = ["system.memory.actual.used.pct", "system.memory.used.pct"], scale = 100 }
swap_used_pct = { field = "system.memory.swap.used.pct", scale = 100 }
disk_usage_pct = { field = "system.filesystem.used.pct", scale = 100 }
net_in_mb_s = { field = "host.network.ingress.bytes_per_second", scale = 1e-6 }
net_out_mb_s = { field = "host.network.egress.bytes_per_second", scale = 1e-6 }
back_close_wait = []
front_close_wait = []
load_average = "system.load.1"
uptime_days = { field = "system.uptime.duration.ms", scale = 1.1574074074074074e-8 }
"""

LINBORG: Final = """\
timestamp = "@timestamp"
server_name = ["server_name", "hostname", "host.name"]
state = ["state", "status"]

[columns]
cpu_user_pct = ["cpu_user_pct", "cpu_user", "metrics.cpu.user_pct", { field = "cpu.user.pct", scale = 100 }]
cpu_sys_pct = ["cpu_sys_pct", "cpu_sys", "metrics.cpu.sys_pct", { field = "cpu.system.pct", scale = 100 }]
cpu_iowait_pct = ["cpu_iowait_pct", "cpu_iowait", "metrics.cpu.iowait_pct", { field = "cpu.iowait.pct", scale = 100 }]
cpu_idle_pct = ["cpu_idle_pct", "cpu_idle", "metrics.cpu.idle_pct", { field = "cpu.idle.pct", scale = 100 }]
java_cpu_pct = ["java_cpu_pct", "java_cpu"]
mem_used_pct = ["mem_used_pct", "memory_used", "metrics.memory.used_pct", { field = "memory.used.pct", scale = 100 }]
swap_used_pct = ["swap_used_pct", "swap_used", "metrics.swap.used_pct", { field = "swap.used.pct", scale = 100 }]
disk_usage_pct = ["disk_usage_pct", "disk_used", "metrics.disk.usage_pct", { field = "disk.usage.pct", scale = 100 }]
net_in_mb_s = ["net_in_mb_s", "network_in", "metrics.network.in_mb_s", "network.in.mb_s"]
net_out_mb_s = ["net_out_mb_s", "network_out", "metrics.network.out_mb_s", "network.out.mb_s"]
back_close_wait = "back_close_wait"
front_close_wait = "front_close_wait"
load_average = ["load_average", "load"]
uptime_days = ["uptime_days", "uptime"]
"""

PRESETS: Final[Mapping[str, str]] = {"metricbeat": METRICBEAT, "linborg": LINBORG}

TEMPLATE: Final = """\
# Argus adapter: documents of Elasticsearch 8 or 9, or of OpenSearch.

[adapter]
name = "elasticsearch"      # name of this adapter: its source id, and the name of its state file
interval_seconds = 30       # how often new documents are looked for
overlap_seconds = 120       # documents that arrive up to this late are still found
since = "24h"               # where the very first run begins

[argus]
target = "localhost:50051"
# api_key_file = "argus.key"

[source]
hosts = ["http://localhost:9200"]
index = "metricbeat-*"                 # Elastic Agent: "metrics-system.*"; a list, an alias or a data stream too
# flavour = "opensearch"
# api_key_file = "elasticsearch.key"   # or api_key_env; as shown (base64), or id:key
# username = "argus"                   # needs the privileges read and view_index_metadata on the index
# password_file = "elasticsearch.password"
# bearer_token_file = "token"
# ca_file = "http_ca.crt"
# client_certificate_file = "client.pem"
# client_key_file = "client.key"
# verify_certificates = true
# time_field = "@timestamp"            # default: the first of [mapping] timestamp
# layout = "auto"                      # "rows": a document is a row. "metricsets": Metricbeat's, put together
# bucket_seconds = 60                  # metricsets: the length of a row
# settle_seconds = 15                  # metricsets: how long after its end documents of a row may come in
# metricsets = ["cpu", "memory", "load", "filesystem", "network", "uptime"]
# filter = { term = { "host.os.type" = "linux" } }
# batch_documents = 5000
# timeout_seconds = 30
# keep_alive_seconds = 120
# tiebreaker = ""                      # a unique field, where neither _shard_doc nor _id can be sorted by

[mapping]
preset = "metricbeat"                  # or "linborg", or "contract": the contract's own names

# What the preset does not know: metricbeat has no java_cpu_pct, back_close_wait and front_close_wait. A default is what
# holds when no field has a value.
# [mapping.columns]
# java_cpu_pct = { field = "java.cpu.ratio", scale = 100 }

# [mapping.states]
# "on fire" = "critical_issue"

# [[mapping.names]]                    # strips the domain
# match = '\\.example\\.com$'
# replace = ""
"""
