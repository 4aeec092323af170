// Sparklines: three hours of what was, eight of what is to come, in one small drawing.
import { computed, h } from "vue";

const GAP = 32;
let known = "";
let ranks = [];

/** Values of a text made by argus_ui/spark.py: numbers from 0 to 1, null for a gap. */
export function decode(text, alphabet) {
  if (alphabet !== known) {
    known = alphabet;
    ranks = [];
    for (let i = 0; i < alphabet.length; i++) ranks[alphabet.charCodeAt(i)] = i / (alphabet.length - 1);
  }
  const values = new Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    values[i] = code === GAP ? null : ranks[code];
  }
  return values;
}

/** The outlook of one server of a fleet, decoded: values from 0 to 1, times in minutes from the origin. */
export function outlookOf(fleet, i) {
  const { servers, alphabet } = fleet;
  const metric = servers.outlook_metric[i];
  if (metric === null || metric === undefined) return null;
  const critical = servers.outlook_critical[i];
  const high = servers.outlook_high[i];
  return {
    metric: fleet.metrics[metric],
    high,
    critical: critical === null || critical > high ? null : critical / high,
    historyMinutes: fleet.history_step_seconds / 60,
    bandMinutes: fleet.band_step_seconds / 60,
    history: decode(servers.history[i], alphabet),
    p10: decode(servers.p10[i], alphabet),
    p50: decode(servers.p50[i], alphabet),
    p90: decode(servers.p90[i], alphabet),
  };
}

/** Paths of an outlook in a box. */
export function drawing(outlook, width, height) {
  const pad = 1.5;
  const past = outlook.history.length * outlook.historyMinutes;
  const ahead = outlook.p50.length * outlook.bandMinutes;
  const x = (minute) => round(((minute + past) / (past + ahead || 1)) * width);
  const y = (value) => round(pad + (1 - value) * (height - 2 * pad));
  const at = (i) => x((i - outlook.history.length + 1) * outlook.historyMinutes);
  const on = (i) => x((i + 1) * outlook.bandMinutes);
  // The band opens at the newest value there is.
  const newest = outlook.history.findLastIndex((value) => value !== null);
  const start = newest < 0 ? "" : `${at(newest)} ${y(outlook.history[newest])}`;
  const points = (values) => values.map((value, i) => `${on(i)} ${y(value)}`);
  const upper = points(outlook.p90);
  const lower = points(outlook.p10).reverse();
  return {
    history: line(outlook.history, at, y),
    band: upper.length ? `M${[start, ...upper, ...lower].filter(Boolean).join("L")}Z` : "",
    median: upper.length ? `M${[start, ...points(outlook.p50)].filter(Boolean).join("L")}` : "",
    now: x(0),
    critical: outlook.critical === null ? null : y(outlook.critical),
  };
}

function line(values, x, y) {
  let path = "";
  let open = false;
  values.forEach((value, i) => {
    if (value !== null) path += `${open ? "L" : "M"}${x(i)} ${y(value)}`;
    open = value !== null;
  });
  return path;
}

const round = (value) => Math.round(value * 10) / 10;

export const Spark = {
  props: { outlook: Object, width: { default: 150 }, height: { default: 26 } },
  setup(props) {
    const drawn = computed(() => (props.outlook ? drawing(props.outlook, props.width, props.height) : null));
    return () => {
      if (!drawn.value) return h("span", { class: "a-spark-none" }, "–");
      const { history, band, median, now, critical } = drawn.value;
      const box = `0 0 ${props.width} ${props.height}`;
      return h("svg", { class: "a-spark", viewBox: box, height: props.height, preserveAspectRatio: "none" }, [
        h("path", { class: "a-spark-band", d: band }),
        critical === null ? null : h("path", { class: "a-spark-limit", d: `M0 ${critical}H${props.width}` }),
        h("path", { class: "a-spark-now", d: `M${now} 0V${props.height}` }),
        h("path", { class: "a-spark-median", d: median }),
        h("path", { class: "a-spark-history", d: history }),
      ]);
    };
  },
};
