// What the heatmap shows, as a grid: columns with labels, and of each row a value and its threshold per column.
import { fleet, link } from "argus/feed.js";
import { metricLabel } from "argus/format.js";
import { shareOf } from "argus/heat_colors.js";
import { outlookOf } from "argus/spark.js";

const MINUTE = 60_000;

/** Servers by metrics, from /api/heatmap/metrics. */
export function metricGrid(found, value) {
  const rows = rowsOf(found.servers);
  return {
    kind: "metrics", origin: found.origin_ms,
    columns: found.metrics.map((metric) => ({ key: metric.name, label: metricLabel(metric.name) })),
    cell(name, profile, column) {
      const row = rows.get(name);
      const metric = found.metrics[column];
      if (row === undefined) return null;
      const critical = metric.critical[profile] ?? null;
      return { metric: metric.name, value: metric[value][row], critical, lowIsBad: metric.low_is_bad, now: metric.now[row], expected: metric.expected[row], possible: metric.possible[row] };
    },
  };
}

/** Servers by time, from /api/heatmap/time. */
export function timeGrid(found, value) {
  const rows = rowsOf(found.servers);
  const past = found.past[0]?.length ?? 0;
  const width = found.column_seconds / 60;
  const columns = timeColumns(found.origin_ms, past, width, found[value][0]?.length ?? 0, width);
  return {
    kind: "time", origin: found.origin_ms, columns, past,
    cell(name, profile, column) {
      const row = rows.get(name);
      if (row === undefined) return null;
      const held = column < past ? found.past[row][column] : found[value][row][column - past];
      return { metric: found.name, value: held, critical: found.critical[profile] ?? null, lowIsBad: found.low_is_bad };
    },
  };
}

/** Servers by time, each by the metric that matters most on it: what every snapshot carries anyway, as rough as a sparkline. */
export function urgentGrid(value) {
  const { history_step_seconds: before, band_step_seconds: after, origin_ms: origin, servers } = fleet.value;
  const indices = rowsOf(servers.name);
  const held = new Map();
  const outlook = (name) => {
    if (!held.has(name)) held.set(name, indices.has(name) ? outlookOf(fleet.value, indices.get(name)) : null);
    return held.get(name);
  };
  const sample = servers.name.map(outlook).find(Boolean);
  const past = sample?.history.length ?? 0;
  const columns = timeColumns(origin, past, before / 60, sample?.p50.length ?? 0, after / 60);
  return {
    kind: "time", origin, columns, past,
    cell(name, profile, column) {
      const found = outlook(name);
      if (!found) return null;
      const lowIsBad = link.low_is_bad.includes(found.metric);
      const band = value === "expected" ? found.p50 : lowIsBad ? found.p10 : found.p90;
      const share = column < past ? found.history[column] : band[column - past];
      const critical = servers.outlook_critical[indices.get(name)];
      return { metric: found.metric, value: share === null || share === undefined ? null : share * found.high, critical, lowIsBad, isRough: true };
    },
  };
}

const rowsOf = (names) => new Map(names.map((name, i) => [name, i]));

/** Columns of so many minutes each. The past ends with the step that starts at the origin, and what is to come begins after it. */
function timeColumns(origin, past, before, ahead, after) {
  const step = fleet.value.step_seconds / 60;
  return Array.from({ length: past + ahead }, (_, i) => {
    const span = i < past ? before : after;
    const from = (i - past) * span + step;
    return { from, minutes: span, ahead: i >= past, ms: origin + from * MINUTE };
  });
}

/** Share of the critical threshold that a cell has reached; null when not known. */
export const cellShare = (cell) => (cell ? shareOf(cell.value, cell.critical, cell.lowIsBad) : null);
