// Numbers and times as people read them.
import { link } from "argus/feed.js";

// Making one takes a browser longer than drawing ten rows: it is made when first needed.
let moments = null;
const spelled = (ms) => {
  moments ??= new Intl.DateTimeFormat(undefined, {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    timeZoneName: "short",
  });
  return moments.format(ms);
};

export const NONE = "–";

/** A number with at most one decimal, and none from 100 on. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  return String(Math.abs(value) >= 100 ? Math.round(value) : Math.round(10 * value) / 10);
}

/** A number for a column: digits enough to tell rows apart, always as many, so that they line up. */
export function figure(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  return Math.abs(value) >= 9.95 || value === 0 ? String(Math.round(value)) : value.toFixed(1);
}

export const percent = (value) => (value === null || value === undefined ? NONE : `${number(value)} %`);

/** A risk score in whole points. It is never rounded up: the ladder's rungs are whole, and none is reached before. */
export const riskText = (value) => (value === null || value === undefined ? NONE : String(Math.floor(value)));

/** A probability of 0 to 1. Never 0 % or 100 % for what is not certain. */
export function chance(value) {
  if (value === null || value === undefined) return NONE;
  if (value > 0 && value < 0.01) return "< 1 %";
  if (value < 1 && value > 0.99) return "> 99 %";
  return `${Math.round(value * 100)} %`;
}

/** Minutes as "< 1 min", "42 min", "3 h 20". */
export function minutes(value) {
  if (value === null || value === undefined) return NONE;
  if (value < 1) return "< 1 min";
  if (value < 59.5) return `${Math.round(value)} min`;
  const whole = Math.round(value);
  const rest = whole % 60;
  return rest ? `${Math.floor(whole / 60)} h ${String(rest).padStart(2, "0")}` : `${whole / 60} h`;
}

/** Seconds as "12 s", "5 min", "3 h", "2 d". */
export function age(seconds) {
  if (seconds === null || seconds === undefined || seconds < 0) return NONE;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** What stands in the place of the time left for a server that stopped sending. */
export const noDataFor = (seconds) => (seconds === null ? "no data" : `no data for ${age(seconds)}`);

/** Time of day here. */
export function clock(ms) {
  if (!ms) return NONE;
  const at = new Date(ms);
  return `${String(at.getHours()).padStart(2, "0")}:${String(at.getMinutes()).padStart(2, "0")}`;
}

/** Date and time here. */
export const moment = (ms) => (ms ? spelled(ms) : NONE);

/** Attributes of an element that tells `text()` when it is pointed at. What is in every row is not spelled out before. */
export const onHover = (text) => ({ onPointerenter: ({ currentTarget }) => (currentTarget.title = text()) });

/** The same in UTC, for hovering. */
export const utc = (ms) => (ms ? `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC` : "");

const METRIC_LABELS = {
  cpu_user_pct: "CPU user",
  cpu_sys_pct: "CPU system",
  cpu_iowait_pct: "I/O wait",
  cpu_idle_pct: "CPU idle",
  java_cpu_pct: "Java CPU",
  mem_used_pct: "Memory",
  swap_used_pct: "Swap",
  disk_usage_pct: "Disk",
  net_in_mb_s: "Net in",
  net_out_mb_s: "Net out",
  back_close_wait: "Backend CLOSE_WAIT",
  front_close_wait: "Frontend CLOSE_WAIT",
  load_average: "Load",
  uptime_days: "Uptime",
};

/** Name of a metric for people. */
export const metricLabel = (name) => METRIC_LABELS[name] ?? name ?? "";

/** Unit of a metric: "%", "MB/s", "d" or none. */
export function metricUnit(name) {
  if (!name) return "";
  if (name.endsWith("_pct")) return "%";
  if (name.endsWith("_mb_s")) return "MB/s";
  return name.endsWith("_days") ? "d" : "";
}

/** A value with its unit. */
export const withUnit = (value, unit) => (unit && number(value) !== NONE ? `${number(value)} ${unit}` : number(value));

// Metrics whose small values are the bad ones; the server names them with its thresholds.
const lowIsBad = (name) => link.low_is_bad.includes(name);

/** A threshold that is crossed, in words. */
export const crossing = (name, threshold) =>
  `${metricLabel(name)} ${lowIsBad(name) ? "below" : "above"} ${withUnit(threshold, metricUnit(name))}`;
