// One metric of a server: past, band of what is to come, thresholds, now, and the moment of the breach.

import { palette, useEchart } from "argus/charts.js";
import { clock, metricLabel, metricUnit, minutes, moment, number, utc, withUnit } from "argus/format.js";
import { pointsOf, topOf, valueAt } from "argus/metric_series.js";
import { dark } from "argus/theme.js";
import { computed, onBeforeUnmount, onMounted, ref, shallowRef, watch } from "vue";

// Room around the plot, pixels: the shared cursor is placed by it.
const LEFT = 36;
const RIGHT = 10;
const BOTTOM = 20;
// From the middle of one label to that of the next.
const LABELS_APART = 66;
const topRoom = (large) => (large ? 24 : 8);
const DAY = 86_400_000;

/** The moment people point at, shared by all charts: `{ ms, over }`, or null. */
const cursor = shallowRef(null);

const dayLabel = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });

export const MetricChart = {
  props: { metric: Object, span: Object, breach: Object, large: Boolean },
  emits: ["drawn"],
  setup(props, { emit }) {
    const box = ref(null);
    const ready = ref(false);
    let chart = null;

    const unit = computed(() => metricUnit(props.metric.name));
    const label = computed(() => metricLabel(props.metric.name));
    const points = computed(() => pointsOf(props.metric, props.span));
    const current = computed(() => props.metric.history.at(-1) ?? null);
    const limits = computed(() => {
      const beyond = props.metric.low_is_bad ? "≤" : "≥";
      return ["warning", "critical"]
        .filter((key) => props.metric[key] !== null)
        .map((key) => ({ key, text: `${key} ${beyond} ${withUnit(props.metric[key], unit.value)}` }));
    });
    const at = computed(() => (cursor.value ? valueAt(props.metric, cursor.value.ms, props.span) : null));
    const described = computed(() => {
      const end = props.metric.p50.at(-1) ?? null;
      const ahead = end === null ? "" : `, median at the end of the forecast ${withUnit(end, unit.value)}`;
      return `${label.value}: ${withUnit(current.value, unit.value)} now${ahead}${limits.value.map(({ text }) => `, ${text}`).join("")}`;
    });

    const draw = (whole) => {
      if (!chart) return;
      const data = seriesData(props, points.value, palette(), chart.getWidth() - LEFT - RIGHT);
      const { start, end } = props.span;
      const max = topOf(props.metric, points.value);
      const y = { max, interval: max / (props.large ? 5 : 2) };
      const changed = { xAxis: { min: start, max: end }, yAxis: y, series: data };
      const option = whole ? frameOption(palette(), start, end, y, data, props.large) : changed;
      chart.setOption(option, { notMerge: whole, lazyUpdate: !whole });
    };
    const make = useEchart(box, (made) => {
      chart = made;
      draw(true);
      ready.value = true;
      emit("drawn");
    });
    const seen = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        seen.disconnect();
        make();
      },
      { rootMargin: "200px" },
    );
    // The large one is what the view is opened for.
    onMounted(() => (props.large ? make() : seen.observe(box.value)));
    watch(
      () => [props.metric, props.span, props.breach],
      () => draw(false),
    );
    watch([dark, () => props.large], () => draw(true));
    onBeforeUnmount(() => seen.disconnect());

    const point = (event) => {
      const area = box.value.getBoundingClientRect();
      const share = (event.clientX - area.left - LEFT) / (area.width - LEFT - RIGHT);
      const { start, end } = props.span;
      const over = { name: props.metric.name, right: share > 0.55 };
      cursor.value = share < 0 || share > 1 ? null : { ms: start + share * (end - start), over };
    };
    const leave = () => (cursor.value = null);
    const place = computed(() => {
      if (!at.value) return null;
      const { start, end } = props.span;
      const share = (at.value.ms - start) / (end - start);
      return share < 0 || share > 1 ? null : `calc(${LEFT}px + (100% - ${LEFT + RIGHT}px) * ${share})`;
    });
    const pointed = computed(() => cursor.value?.over.name === props.metric.name);
    const distance = computed(() => {
      if (!at.value) return "";
      const apart = (at.value.ms - props.span.origin) / 60_000;
      return apart > 0 ? `${minutes(apart)} ahead` : apart < 0 ? `${minutes(-apart)} ago` : "now";
    });
    return {
      BOTTOM,
      topRoom,
      at,
      box,
      current,
      cursor,
      described,
      distance,
      label,
      leave,
      limits,
      moment,
      number,
      place,
      point,
      pointed,
      ready,
      unit,
      utc,
      withUnit,
    };
  },
  template: `
    <article class="a-metric" :class="{ large }" :data-test="'metric-' + metric.name">
      <header>
        <h3>{{ label }}</h3>
        <span v-if="at" class="a-metric-at" :class="{ ahead: at.ahead }">{{ at.ahead ? withUnit(at.p50, unit) : withUnit(at.measured, unit) }}
          <small v-if="at.ahead">{{ number(at.p10) }} – {{ number(at.p90) }}</small></span>
        <span v-else class="a-metric-at">{{ withUnit(current, unit) }}</span>
      </header>
      <p class="a-metric-limits"><span v-for="limit in limits" :key="limit.key" :class="'a-level-' + limit.key"><i :class="'a-dash-' + limit.key"></i>{{ limit.text }}</span></p>
      <div class="a-metric-plot" role="img" :aria-label="described" @pointermove="point" @pointerdown="point" @pointerleave="leave">
        <div ref="box" class="a-metric-canvas" :data-ready="ready"></div>
        <i v-if="place" class="a-metric-cursor" :style="{ left: place, top: topRoom(large) + 'px', bottom: BOTTOM + 'px' }"></i>
        <div v-if="pointed && at && place" class="a-tip" :class="{ left: cursor.over.right }" :style="{ '--x': place }" data-test="tip">
          <strong>{{ moment(at.ms) }}</strong><small>{{ utc(at.ms) }} · {{ distance }}</small>
          <dl v-if="at.ahead">
            <dt>p90</dt><dd>{{ withUnit(at.p90, unit) }}</dd><dt>p50</dt><dd>{{ withUnit(at.p50, unit) }}</dd><dt>p10</dt><dd>{{ withUnit(at.p10, unit) }}</dd>
          </dl>
          <dl v-else><dt>measured</dt><dd>{{ withUnit(at.measured, unit) }}</dd>
            <template v-if="at.highest !== undefined"><dt>highest</dt><dd>{{ withUnit(at.highest, unit) }}</dd><dt>lowest</dt><dd>{{ withUnit(at.lowest, unit) }}</dd></template></dl>
        </div>
      </div>
    </article>`,
};

const difference = (upper, lower) =>
  upper.map(([ms, value], i) => [ms, value === null || lower[i][1] === null ? null : value - lower[i][1]]);

/** What changes with every tick. Series are merged by their place. */
function seriesData({ metric, span, breach, large }, points, colors, width) {
  const text = (color, rest) => ({ show: large, color, fontSize: 11, ...rest });
  // Two labels at one place would hide each other; where the breach is now, it says enough.
  const isNear = breach && (breach.at_ms - span.origin) / (span.end - span.start) < LABELS_APART / width;
  const lines = [
    {
      xAxis: span.origin,
      lineStyle: { color: colors.muted, type: "solid", width: 1, opacity: 0.7 },
      label: text(colors.muted, { show: large && !isNear, formatter: "now" }),
    },
  ];
  for (const key of ["warning", "critical"]) {
    if (metric[key] === null) continue;
    lines.push({
      yAxis: metric[key],
      lineStyle: { color: colors[key], type: key === "critical" ? [5, 4] : [2, 3], width: 1.2 },
      label: { show: false },
    });
  }
  if (breach) {
    const share = (breach.at_ms - span.start) / (span.end - span.start);
    const align = share > 0.85 ? "right" : share < 0.15 ? "left" : "center";
    const formatter = breach.crossed ? "▼ now" : `▼ breach ${clock(breach.at_ms)}`;
    lines.push({
      xAxis: breach.at_ms,
      lineStyle: { color: colors.critical, type: "solid", width: 2 },
      label: text(colors.critical, { formatter, align, fontWeight: 600 }),
    });
  }
  return [
    { data: points.p10 },
    { data: difference(points.p90, points.p10) },
    { data: points.lowest },
    { data: difference(points.highest, points.lowest) },
    { data: points.measured, markLine: { data: lines } },
    { data: points.p50 },
  ];
}

/** What stays as it is until the theme or the size changes. */
function frameOption(colors, min, max, y, data, large) {
  const text = { color: colors.muted, fontSize: 10.5, hideOverlap: true };
  const line = { type: "line", symbol: "none", silent: true, lineStyle: { width: 0 }, emphasis: { disabled: true } };
  const looks = [
    { ...line, stack: "band", areaStyle: { opacity: 0 } },
    { ...line, stack: "band", areaStyle: { color: colors.band, opacity: 1 } },
    { ...line, stack: "past", areaStyle: { opacity: 0 } },
    { ...line, stack: "past", areaStyle: { color: colors.muted, opacity: 0.22 } },
    { ...line, lineStyle: { color: colors.text, width: 1.5 } },
    { ...line, lineStyle: { color: colors.accent, width: 1.8 } },
  ];
  const mark = { silent: true, symbol: "none", animation: false };
  return {
    animation: false,
    grid: { left: LEFT, right: RIGHT, top: topRoom(large), bottom: BOTTOM },
    xAxis: {
      type: "time",
      min,
      max,
      splitNumber: large ? 8 : 4,
      axisLine: { lineStyle: { color: colors.line } },
      axisTick: { show: false },
      splitLine: { show: false },
      axisLabel: { ...text, formatter: (ms) => (max - min > 3 * DAY || !(ms % DAY) ? dayLabel.format(ms) : clock(ms)) },
    },
    yAxis: {
      type: "value",
      min: 0,
      ...y,
      splitLine: { lineStyle: { color: colors.line, opacity: 0.7 } },
      axisLabel: { ...text, formatter: (value) => short.format(value) },
    },
    series: looks.map((look, i) => ({
      ...look,
      ...data[i],
      markLine: data[i].markLine && { ...mark, ...data[i].markLine },
    })),
  };
}
