// What charts over time have in common: axes, grid, and a tooltip with local time and UTC.
import { moment, utc } from "argus/format.js";

/**
 * Points of a line. Buckets may be narrower than what is recorded is frequent: those without a value are left out, and
 * the line breaks only where nothing came for longer than `gap` milliseconds. `more(i)` adds to a point.
 */
export function points(times, values, gap, more = () => []) {
  const found = [];
  let last = null;
  times.forEach((time, i) => {
    if (values[i] === null) return;
    if (last !== null && time - last > gap) found.push([last + 1, null]);
    found.push([time, values[i], ...more(i)]);
    last = time;
  });
  return found;
}

/** Milliseconds within a line in which nothing came for longer than `gap`. */
export function missing(times, values, gap) {
  let last = null;
  return times.reduce((sum, time, i) => {
    if (values[i] === null) return sum;
    const pause = last === null ? 0 : time - last;
    last = time;
    return pause > gap ? sum + pause : sum;
  }, 0);
}

/** How long a line goes on without a point, milliseconds: what is recorded every `seconds`, in buckets of that width. */
export const gapOf = (seconds, bucketSeconds) => 2500 * Math.max(seconds, bucketSeconds);

/** What a chart is, for those who do not see it. */
export const spoken = (what) => ({ enabled: true, label: { description: `${what}; CSV has the numbers.` } });

export const timeAxis = (colors, others = {}) => ({
  type: "time",
  axisLine: { lineStyle: { color: colors.line } },
  axisTick: { show: false },
  splitLine: { show: false },
  axisLabel: { color: colors.muted, fontSize: 11, hideOverlap: true },
  ...others,
});

export const valueAxis = (colors, others = {}) => ({
  type: "value",
  splitLine: { lineStyle: { color: colors.line, opacity: 0.7 } },
  axisLabel: { color: colors.muted, fontSize: 11 },
  nameTextStyle: { color: colors.muted, fontSize: 11, align: "left" },
  ...others,
});

/** Rows of names and values at a time, and what they all are; names are ours, never a server's: this is markup. */
export const tooltip = (colors, formatOf, what = "") => ({
  trigger: "axis",
  confine: true,
  backgroundColor: colors.surface,
  borderColor: colors.line,
  textStyle: { color: colors.text, fontSize: 12 },
  axisPointer: { lineStyle: { color: colors.muted } },
  formatter(points) {
    const rows = points
      .filter(({ seriesName, value }) => !seriesName.startsWith("_") && value[1] !== null && value[1] !== undefined)
      .map(({ marker, seriesName, value }) => `${marker}${seriesName} <b>${formatOf(seriesName, value.at(-1))}</b>`);
    const [
      {
        value: [time],
      },
    ] = points;
    return [
      `<b>${moment(time)}</b>`,
      `<span style="opacity:.7">${utc(time)}</span>`,
      ...(what ? [what] : []),
      ...rows,
    ].join("<br>");
  },
});

export const legend = (colors, names) => ({
  type: "scroll",
  data: names,
  top: 0,
  right: 0,
  left: 0,
  icon: "roundRect",
  itemWidth: 14,
  itemHeight: 8,
  itemGap: 14,
  textStyle: { color: colors.text, fontSize: 12 },
  inactiveColor: colors.muted,
  pageIconColor: colors.muted,
  pageIconInactiveColor: colors.line,
  pageTextStyle: { color: colors.muted },
  pageIconSize: 11,
});
