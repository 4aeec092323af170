import { withQuery } from "argus/api.js";
import { Chart, palette } from "argus/charts.js";
import { downloadCsv } from "argus/csv.js";
import { fleet, link } from "argus/feed.js";
import { age, chance, metricLabel, metricUnit, minutes, withUnit } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { route, setQuery } from "argus/navigation.js";
import { isRecorded, isRecording, RANGE_LABELS, usePast, useRange } from "argus/past.js";
import { dark } from "argus/theme.js";
import { gapOf, legend, points, spoken, timeAxis, tooltip, valueAxis } from "argus/time_chart.js";
import { shownWhen } from "argus/timing.js";
import { Waiting } from "argus/waiting.js";
import { computed, ref, watch } from "vue";

const FORECAST_SECONDS = 900;
// Adapters may send as seldom as once per step.
const SAMPLE_SECONDS = 300;
const NAMES = ["Measured", "Forecast p50", "p10 to p90"];
// Below this a share says nothing.
const FEW = 20;
// It only grows, and alike everywhere.
const DULL = "uptime_days";
const COLUMNS = ["actual", "minimum", "maximum", "p10", "p50", "p90"];

export default {
  components: { Chart, Icon, Waiting },
  props: { ranges: Object, horizons: Array },
  setup(props) {
    const range = useRange(props.ranges);
    const names = computed(() => [...(fleet.value?.servers.name ?? [])].sort());
    const metrics = computed(() => (fleet.value?.metrics ?? []).filter((name) => name !== DULL));
    // The riskiest server when the view was opened, and what matters most on it: they stay, in the URL, and can be sent.
    const first = ref(null);
    watch(
      fleet,
      (value) => {
        if (value?.servers.name.length) first.value ??= { server: value.servers.name[0], metric: firstMetric(value) };
      },
      { immediate: true },
    );
    const server = computed(() => route.query.server || first.value?.server || "");
    const metric = computed(() =>
      metrics.value.includes(route.query.metric) ? route.query.metric : (first.value?.metric ?? ""),
    );
    watch(
      [first, () => route.query],
      () => {
        if (!first.value || route.path !== "/accuracy" || (route.query.server && route.query.metric)) return;
        setQuery({ server: server.value, metric: metric.value });
      },
      { immediate: true },
    );
    const horizon = computed(() =>
      props.horizons.includes(Number(route.query.horizon)) ? Number(route.query.horizon) : 60,
    );
    const question = computed(() => ({
      server: server.value,
      metric: metric.value,
      horizon: horizon.value,
      range: range.value,
    }));
    const answer = usePast(
      () => server.value && metric.value && withQuery("/api/accuracy/server", question.value),
      props.ranges,
      range,
    );
    const found = computed(() => answer.data.value?.metrics[metric.value] ?? null);
    const recorded = computed(() => found.value && (isRecorded(found.value.actual) || isRecorded(found.value.p50)));
    const compared = computed(() => found.value && isRecorded(found.value.p50));
    // Only where a point is one step, as a forecast is.
    const counted = computed(() => {
      if (!found.value || answer.data.value.bucket_seconds !== fleet.value?.step_seconds) return null;
      const { actual, p10, p50, p90 } = found.value;
      // The last step is still filling.
      const steps = [...actual.keys()].slice(0, -1).filter((i) => actual[i] !== null && p50[i] !== null);
      return { of: steps.length, inside: steps.filter((i) => actual[i] >= p10[i] && actual[i] <= p90[i]).length };
    });
    const option = computed(() => {
      void dark.value; // the colours are other ones then
      const colors = palette();
      const { times_ms: times, bucket_seconds: bucket } = answer.data.value;
      const { actual, p10, p50, p90 } = found.value;
      const unit = metricUnit(metric.value);
      const gap = gapOf(FORECAST_SECONDS, bucket);
      const width = p90.map((value, i) => (value === null || p10[i] === null ? null : value - p10[i]));
      const hidden = { type: "line", stack: "band", showSymbol: false, lineStyle: { width: 0 }, silent: true };
      // The band is a width that stands on p10; what it says when asked comes along.
      const band = points(times, width, gap, (i) => [`${withUnit(p10[i], unit)} to ${withUnit(p90[i], unit)}`]);
      const labels = { color: colors.muted, fontSize: 11, formatter: (value) => withUnit(value, unit) };
      return {
        animation: false,
        aria: spoken(
          `${metricLabel(metric.value)} as measured and as forecast, over the last ${RANGE_LABELS[range.value]}`,
        ),
        grid: { left: 48, right: 14, top: 34, bottom: 26 },
        legend: legend(colors, NAMES),
        tooltip: tooltip(colors, (name, value) => (name === NAMES[2] ? value : withUnit(value, unit))),
        xAxis: timeAxis(colors, { min: times[0], max: times.at(-1) }),
        yAxis: valueAxis(colors, { scale: unit !== "%", axisLabel: labels }),
        series: [
          { ...hidden, name: "_p10", data: points(times, p10, gap) },
          {
            ...hidden,
            name: NAMES[2],
            data: band,
            itemStyle: { color: colors.accent, opacity: 0.5 },
            areaStyle: { color: colors.accent, opacity: 0.18 },
          },
          {
            name: NAMES[1],
            type: "line",
            symbolSize: 4,
            data: points(times, p50, gap),
            itemStyle: { color: colors.accent },
            lineStyle: { width: 1.6, type: "dashed" },
          },
          {
            name: NAMES[0],
            type: "line",
            showSymbol: false,
            data: points(times, actual, gapOf(SAMPLE_SECONDS, bucket)),
            itemStyle: { color: colors.text },
            lineStyle: { width: 1.6 },
          },
        ],
      };
    });
    const drawn = ref(false);
    shownWhen("accuracy", () => drawn.value || answer.problem.value || (answer.data.value && !recorded.value), 2);
    const save = () => {
      const rows = answer.data.value.times_ms.map((time, i) => [
        new Date(time).toISOString(),
        server.value,
        metric.value,
        horizon.value,
        ...COLUMNS.map((name) => found.value[name][i]),
      ]);
      downloadCsv("argus-accuracy.csv", ["time", "server", "metric", "horizon_minutes", ...COLUMNS], rows);
    };
    return {
      FEW,
      age,
      answer,
      chance,
      compared,
      counted,
      drawn,
      horizon,
      isRecording,
      metric,
      metricLabel,
      metrics,
      minutes,
      names,
      option,
      recorded,
      save,
      server,
      setQuery,
    };
  },
  template: `
    <section v-if="isRecording" class="a-panel" aria-label="Forecast against actual" data-test="forecast-check">
      <header class="a-panel-head"><h2>Forecast against actual</h2>
        <input :value="server" list="argus-past-servers" aria-label="Server" placeholder="Server" spellcheck="false" data-test="check-server" @change="setQuery({ server: $event.target.value })">
        <datalist id="argus-past-servers"><option v-for="name in names" :key="name" :value="name" /></datalist>
        <select :value="metric" aria-label="Metric" data-test="check-metric" @change="setQuery({ metric: $event.target.value })"><option v-for="name in metrics" :key="name" :value="name">{{ metricLabel(name) }}</option></select>
        <select :value="horizon" aria-label="Made how long before" title="How long before each time the forecast for it was made" data-test="check-horizon" @change="setQuery({ horizon: $event.target.value })">
          <option v-for="one in horizons" :key="one" :value="one">made {{ minutes(one) }} before</option></select>
        <button v-if="recorded" class="a-button a-push" title="These points as CSV" data-test="csv" @click="save()"><Icon name="download" :size="15" />CSV</button>
      </header>
      <Waiting v-if="server" :answer="answer" what="The past of the server" height="300px" />
      <div v-else class="a-empty"><h2>No server yet</h2><p>Choose one above once the fleet has some.</p></div>
      <template v-if="recorded"><Chart :option="option" @drawn="drawn = true" style="height: 300px" />
        <p v-if="!compared" class="a-muted" data-test="no-forecasts">No forecast made {{ minutes(horizon) }} before lies in this range yet: forecasts are recorded every 15 minutes while the server runs, and are shown at the time they were made for.</p>
        <p v-else-if="!counted" class="a-muted" data-test="means">A point here is the mean of {{ age(answer.data.value.bucket_seconds) }}; choose a shorter range to see forecast by forecast.</p>
        <p v-else-if="counted.of" data-test="counted">{{ counted.inside }} of {{ counted.of }} forecasts shown{{ counted.of < FEW ? "" : " (" + chance(counted.inside / counted.of) + ")" }} had the measured value within their band, which promises 8 of 10. <span class="a-muted">Forecasts of every source, as they were made.</span></p>
      </template>
      <div v-else-if="answer.data.value" class="a-empty" data-test="no-points"><h2>Nothing recorded in this range</h2><p>{{ metricLabel(metric) }} of this server was not measured. Choose another metric, or a longer range.</p></div>
    </section>`,
};

/** What matters most on the riskiest server, if it has a threshold; else one that has. */
function firstMetric({ metrics, servers }) {
  const most = metrics[servers.outlook_metric[0]];
  const limited = metrics.filter((name) => Object.hasOwn(link.thresholds, name));
  return limited.includes(most) || !limited.length ? (most ?? metrics[0]) : limited[0];
}
