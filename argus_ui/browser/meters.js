// The metrics people look at, as columns of a table.

export const METERS = [
  { key: "cpu", label: "CPU", top: 100, unit: "%" },
  { key: "memory", label: "Memory", top: 100, unit: "%" },
  { key: "iowait", label: "I/O wait", top: 100, unit: "%" },
  { key: "swap", label: "Swap", top: 100, unit: "%" },
  { key: "load", label: "Load" },
  { key: "disk", label: "Disk", top: 100, unit: "%" },
  { key: "net_in", label: "Net in", unit: "MB/s" },
  { key: "net_out", label: "Net out", unit: "MB/s" },
];
