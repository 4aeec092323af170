// One metric of a server as points: what was measured, what is expected, and what lies at a moment.

/** Ranges people pick: milliseconds back, and whether the running server's window has them. */
const HOUR = 3_600_000;
export const RANGES = [
  { key: "3h", label: "3 h", ms: 3 * HOUR },
  { key: "8h", label: "8 h", ms: 8 * HOUR },
  { key: "1d", label: "1 day", ms: 24 * HOUR },
  { key: "1w", label: "1 week", ms: 168 * HOUR, recorded: true },
  { key: "1M", label: "30 days", ms: 720 * HOUR, recorded: true },
];

/** Points `[ms, value]` of a metric; with a recorded past of that metric, that instead of the window's. */
export function pointsOf(metric, { origin, step, start, past, times }) {
  const measured = past
    ? Array.from(times, (ms, i) => [ms, past.actual[i]])
    : metric.history
        .map((value, i) => [origin - (metric.history.length - 1 - i) * step, value])
        .filter(([ms]) => ms >= start);
  const last = metric.history.at(-1) ?? null;
  // The band opens at what is known.
  const seam = last === null ? [] : [[origin, last]];
  const ahead = (values) => [...seam, ...values.map((value, i) => [origin + (i + 1) * step, value])];
  return {
    measured,
    lowest: past ? Array.from(times, (ms, i) => [ms, past.minimum[i]]) : [],
    highest: past ? Array.from(times, (ms, i) => [ms, past.maximum[i]]) : [],
    p10: ahead(metric.p10),
    p50: ahead(metric.p50),
    p90: ahead(metric.p90),
  };
}

/** What is known of a moment: `{ ms, measured }` of the past, `{ ms, p10, p50, p90 }` of what is to come. */
export function valueAt(metric, ms, { origin, step, past, times }) {
  if (ms > origin + step / 2) {
    const i = Math.min(metric.p50.length - 1, Math.max(0, Math.round((ms - origin) / step) - 1));
    return i < 0
      ? null
      : { ms: origin + (i + 1) * step, ahead: true, p10: metric.p10[i], p50: metric.p50[i], p90: metric.p90[i] };
  }
  if (past) {
    if (!times.length) return null;
    const width = times.length > 1 ? times[1] - times[0] : 1;
    const i = Math.min(times.length - 1, Math.max(0, Math.floor((ms - times[0]) / width)));
    return { ms: times[i], measured: past.actual[i], lowest: past.minimum[i], highest: past.maximum[i] };
  }
  const back = Math.max(0, Math.round((origin - ms) / step));
  const i = metric.history.length - 1 - back;
  return i < 0 ? null : { ms: origin - back * step, measured: metric.history[i] };
}

/** Where the axis ends: percentages at 100, so that charts can be compared; others above all that is drawn. */
export function topOf(metric, points) {
  if (metric.name.endsWith("_pct")) return 100;
  let top = 0;
  for (const one of [points.measured, points.highest, points.p90])
    for (const [, value] of one) if (value > top) top = value;
  // A threshold far above everything would flatten the rest; the words beside the chart name it.
  for (const limit of [metric.warning, metric.critical])
    if (limit !== null && limit < 2 * top && limit > top) top = limit;
  return nice(top * 1.08) || 1;
}

function nice(value) {
  if (!(value > 0)) return 0;
  const unit = 10 ** Math.floor(Math.log10(value));
  return unit * [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((factor) => factor * unit >= value);
}
