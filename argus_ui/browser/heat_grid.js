// What the heatmap shows, as a grid: columns with labels, and of each row a value and its threshold per column.
import { fleet } from "argus/feed.js";
import { metricLabel } from "argus/format.js";
import { placeOf } from "argus/heat_colors.js";

const MINUTE = 60_000;

/** Servers by metrics, from /api/heatmap/metrics. */
export function metricGrid(found, value) {
  const rows = rowsOf(found.servers);
  return {
    kind: "metrics",
    origin: found.origin_ms,
    columns: found.metrics.map((metric) => ({ key: metric.name, label: metricLabel(metric.name) })),
    cell(name, profile, column) {
      const row = rows.get(name);
      const metric = found.metrics[column];
      if (row === undefined) return null;
      const { now, expected, possible } = metric;
      return {
        value: metric[value][row],
        now: now[row],
        expected: expected[row],
        possible: possible[row],
        ...limitsOf(metric, profile),
      };
    },
  };
}

/** Servers by time, each by one metric, from /api/heatmap/time. */
export function timeGrid(found, value) {
  const rows = rowsOf(found.servers);
  const past = found.past[0]?.length ?? 0;
  const width = found.column_seconds / 60;
  const columns = timeColumns(found.origin_ms, past, width, found[value][0]?.length ?? 0, width);
  const metricOf = (name) => found.metrics[found.metric[rows.get(name)]] ?? null;
  return {
    kind: "time",
    origin: found.origin_ms,
    columns,
    past,
    metricOf: (name) => metricOf(name)?.name ?? null,
    cell(name, profile, column) {
      const row = rows.get(name);
      if (row === undefined) return null;
      const held = column < past ? found.past[row][column] : found[value][row][column - past];
      return { value: held, ...limitsOf(metricOf(name), profile) };
    },
  };
}

/** What a metric is measured against on servers of a profile. Profiles are named by strangers. */
function limitsOf({ name, low_is_bad, limits }, profile) {
  const [warning, critical] = Object.hasOwn(limits, profile) ? limits[profile] : [null, null];
  return { metric: name, warning, critical, lowIsBad: low_is_bad };
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

/** Where a cell stands on the way to its thresholds; null when not known. */
export const cellPlace = (cell) => (cell ? placeOf(cell.value, cell.warning, cell.critical, cell.lowIsBad) : null);
