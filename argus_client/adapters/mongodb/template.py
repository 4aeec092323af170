"""What `argus adapter init mongodb` writes, and the mappings it knows by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LINBORG: Final = """\
timestamp = "timestamp"
server_name = ["server_name", "hostname"]
state = ["state", "status"]

[columns]
cpu_user_pct = ["cpu_user_pct", "cpu_user"]
cpu_sys_pct = ["cpu_sys_pct", "cpu_sys"]
cpu_iowait_pct = ["cpu_iowait_pct", "cpu_iowait"]
cpu_idle_pct = ["cpu_idle_pct", "cpu_idle"]
java_cpu_pct = ["java_cpu_pct", "java_cpu"]
mem_used_pct = ["mem_used_pct", "memory_used"]
swap_used_pct = ["swap_used_pct", "swap_used"]
disk_usage_pct = ["disk_usage_pct", "disk_used"]
net_in_mb_s = ["net_in_mb_s", "network_in"]
net_out_mb_s = ["net_out_mb_s", "network_out"]
back_close_wait = "back_close_wait"
front_close_wait = "front_close_wait"
load_average = ["load_average", "load"]
uptime_days = ["uptime_days", "uptime"]
"""

PRESETS: Final[Mapping[str, str]] = {"linborg": LINBORG}

TEMPLATE: Final = """\
# Argus adapter: documents of a MongoDB collection, one per server and moment.

[adapter]
name = "mongodb"            # name of this adapter: its source id, and the name of its state file
interval_seconds = 30       # how often new documents are looked for
overlap_seconds = 120       # documents that arrive up to this late are still found
since = "24h"               # where the very first run begins

[argus]
target = "localhost:50051"
# api_key_file = "argus.key"

[source]
uri = "mongodb://localhost:27017"      # mongodb+srv:// too; may name several hosts and a replicaSet
database = "linborg"
collection = "server_metrics"          # needs an index on the time: createIndex({timestamp: 1})
# username = "argus"                   # a user with the role `read` on the database is enough
# password_file = "mongodb.password"   # or password_env = "MONGODB_PASSWORD"
# auth_source = "admin"
# tls = true
# tls_ca_file = "ca.pem"
# tls_certificate_key_file = "client.pem"
# time_field = "timestamp"             # default: the first of [mapping] timestamp
# time_type = "auto"                   # date, milliseconds, seconds, microseconds, nanoseconds, text (ISO 8601)
# read_preference = "secondaryPreferred"
# read_concern = "majority"            # "" leaves it to the server
# timeout_seconds = 30

[mapping]
preset = "linborg"                     # or "contract": the documents have the contract's own names

# What the preset does not know; a default is what holds when no field has a value.
# [mapping.columns]
# mem_used_pct = { field = "ram_ratio", scale = 100 }
# java_cpu_pct = { field = "java", default = 0 }

# [mapping.states]
# "on fire" = "critical_issue"

# [[mapping.names]]                    # strips the domain
# match = '\\.example\\.com$'
# replace = ""
"""
