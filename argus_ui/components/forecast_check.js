import { computed, ref, watch } from "vue";
import { withQuery } from "argus/api.js";
import { Chart, palette } from "argus/charts.js";
import { downloadCsv } from "argus/csv.js";
import { fleet } from "argus/feed.js";
import { metricLabel, metricUnit, minutes, withUnit } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { href, route, serverPath, setQuery } from "argus/navigation.js";
import { Waiting, isRecorded, useAnswer, useRange } from "argus/past.js";
import { dark } from "argus/theme.js";
import { gapOf, legend, points, timeAxis, tooltip, valueAxis } from "argus/time_chart.js";

const FORECAST_SECONDS = 900;
// Adapters may send as seldom as once per step.
const SAMPLE_SECONDS = 300;
const NAMES = ["Measured", "Forecast p50", "p10 to p90"];

export default {
  components: { Chart, Icon, Waiting },
  props: { ranges: Object, horizons: Array },
  setup(props) {
    const range = useRange(props.ranges);
    // The riskiest server when the view was opened; it must not change under somebody who looks at it.
    const first = ref(null);
    watch(fleet, (value) => {
      if (!value?.servers.name.length || first.value) return;
      first.value = { server: value.servers.name[0], metric: value.metrics[value.servers.outlook_metric[0] ?? 0] };
    }, { immediate: true });
    const names = computed(() => [...(fleet.value?.servers.name ?? [])].sort());
    const metrics = computed(() => fleet.value?.metrics ?? []);
    const server = computed(() => route.query.server ?? first.value?.server ?? "");
    const metric = computed(() => route.query.metric ?? first.value?.metric ?? "cpu_user_pct");
    const horizon = computed(() => (props.horizons.includes(Number(route.query.horizon)) ? Number(route.query.horizon) : 60));
    const answer = useAnswer(
      () => server.value && withQuery("/api/history/server", { name: server.value, metric: metric.value, horizon: horizon.value, range: range.value }),
      () => props.ranges[range.value],
    );
    const found = computed(() => answer.data.value?.metrics[metric.value] ?? null);
    const recorded = computed(() => found.value && (isRecorded(found.value.actual) || isRecorded(found.value.p50)));
    const compared = computed(() => found.value && isRecorded(found.value.p50));
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
      return {
        animation: false,
        aria: { enabled: true },
        grid: { left: 48, right: 14, top: 34, bottom: 26 },
        legend: legend(colors, NAMES),
        tooltip: tooltip(colors, (name, value) => (name === NAMES[2] ? value : withUnit(value, unit))),
        xAxis: timeAxis(colors, { min: times[0], max: times.at(-1) }),
        yAxis: valueAxis(colors, { scale: unit !== "%", axisLabel: { color: colors.muted, fontSize: 11, formatter: (value) => withUnit(value, unit) } }),
        series: [
          { ...hidden, name: "_p10", data: points(times, p10, gap) },
          { ...hidden, name: NAMES[2], data: band, itemStyle: { color: colors.accent, opacity: 0.5 }, areaStyle: { color: colors.accent, opacity: 0.18 } },
          { name: NAMES[1], type: "line", symbolSize: 4, data: points(times, p50, gap), itemStyle: { color: colors.accent }, lineStyle: { width: 1.6, type: "dashed" } },
          { name: NAMES[0], type: "line", showSymbol: false, data: points(times, actual, gapOf(SAMPLE_SECONDS, bucket)), itemStyle: { color: colors.text }, lineStyle: { width: 1.6 } },
        ],
      };
    });
    const choose = (event) => names.value.includes(event.target.value) && setQuery({ server: event.target.value });
    const save = () => {
      const columns = ["actual", "minimum", "maximum", "p10", "p50", "p90"];
      downloadCsv("argus-forecast-check.csv", ["time", "server", "metric", "horizon_minutes", ...columns], answer.data.value.times_ms.map((time, i) =>
        [new Date(time).toISOString(), server.value, metric.value, horizon.value, ...columns.map((name) => found.value[name][i])]));
    };
    return {
      answer, choose, compared, found, horizon, href, metric, metricLabel, metrics, minutes, names, option, recorded, save, server, serverPath, setQuery,
    };
  },
  template: `
    <section class="a-panel" aria-label="Forecast against actual" data-test="forecast-check">
      <header class="a-panel-head"><h2>Forecast against actual</h2>
        <input :value="server" list="argus-past-servers" aria-label="Server" placeholder="Server" spellcheck="false" data-test="check-server" @change="choose($event)">
        <datalist id="argus-past-servers"><option v-for="name in names" :key="name" :value="name" /></datalist>
        <select :value="metric" aria-label="Metric" data-test="check-metric" @change="setQuery({ metric: $event.target.value })"><option v-for="name in metrics" :key="name" :value="name">{{ metricLabel(name) }}</option></select>
        <select :value="horizon" aria-label="Made how long before" title="How long before each time the forecast for it was made" data-test="check-horizon" @change="setQuery({ horizon: $event.target.value })">
          <option v-for="one in horizons" :key="one" :value="one">made {{ minutes(one) }} before</option></select>
        <button v-if="recorded" class="a-button a-push" title="These points as CSV" @click="save()"><Icon name="download" :size="15" />CSV</button>
      </header>
      <template v-if="recorded"><Chart :option="option" style="height: 270px" />
        <p v-if="!compared" class="a-muted">No forecast made {{ minutes(horizon) }} before lies in this range yet: forecasts are recorded every 15 minutes while the server runs.</p></template>
      <div v-else-if="!server" class="a-empty"><h2>No server yet</h2><p>Choose one above once the fleet has some.</p></div>
      <div v-else-if="answer.data.value" class="a-empty"><h2>Nothing recorded in this range</h2><p>{{ metricLabel(metric) }} of this server was not measured. Choose another metric, or a longer range.</p></div>
      <Waiting v-else :answer="answer" what="The past of the server" style="height: 270px" />
    </section>`,
};
