// The metrics people look at, as columns of a table.
import { link } from "argus/feed.js";

export const METERS = [
  { key: "cpu", label: "CPU", top: 100, unit: "%", metric: "cpu_idle_pct", of: (value) => 100 - value },
  { key: "memory", label: "Memory", top: 100, unit: "%", metric: "mem_used_pct" },
  { key: "iowait", label: "I/O wait", top: 100, unit: "%", metric: "cpu_iowait_pct" },
  { key: "swap", label: "Swap", top: 100, unit: "%", metric: "swap_used_pct" },
  { key: "load", label: "Load", metric: "load_average" },
  { key: "disk", label: "Disk", top: 100, unit: "%", metric: "disk_usage_pct" },
  { key: "net_in", label: "Net in", unit: "MB/s", metric: "net_in_mb_s" },
  { key: "net_out", label: "Net out", unit: "MB/s", metric: "net_out_mb_s" },
];

/** Thresholds of a metric on servers of a profile, as [warning, critical]; null where none holds. */
export const thresholdsOf = (metric, profile) => {
  const found = link.thresholds[metric];
  return found?.[profile] ?? found?.[""] ?? null;
};

/** "critical", "warning" or "" for a value of a metric on servers of a profile. */
export function tone(metric, profile, value) {
  const limits = thresholdsOf(metric, profile);
  if (!limits || value === null) return "";
  const beyond = link.low_is_bad.includes(metric) ? (limit) => value <= limit : (limit) => value >= limit;
  return beyond(limits[1]) ? "critical" : beyond(limits[0]) ? "warning" : "";
}
