import { computed, onMounted, ref, shallowRef, watch } from "vue";
import { getJson, withQuery } from "argus/api.js";
import { Chart, palette } from "argus/charts.js";
import { downloadCsv } from "argus/csv.js";
import { fleet, link } from "argus/feed.js";
import { age, chance, metricLabel, metricUnit, minutes, moment, number, utc, withUnit } from "argus/format.js";
import { held, hold } from "argus/held.js";
import { Icon } from "argus/icons.js";
import { route, setQuery } from "argus/navigation.js";
import { dark } from "argus/theme.js";
import { shownWhen } from "argus/timing.js";
import { Waiting } from "argus/waiting.js";

const RANGES = [["8h", "8 h"], ["1d", "1 day"], ["1w", "1 week"], ["1M", "30 days"]];
const HORIZONS = [[30, "30 min"], [60, "1 h"], [120, "2 h"], [240, "4 h"], [480, "8 h"]];
const CSV = ["time", "actual", "p10", "p50", "p90"];
// Forecasts are recorded every 15 minutes; between two that are farther apart something is missing.
const GAP_MS = 40 * 60_000;

// Below this a share says nothing.
const FEW = 20;

const escaped = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);

export default {
  components: { Chart, Icon, Waiting },
  setup() {
    const offered = computed(() => link.services.includes("History"));
    const range = computed(() => (RANGES.some(([key]) => key === route.query.range) ? route.query.range : "1d"));
    const horizon = computed(() => HORIZONS.find(([value]) => String(value) === route.query.horizon)?.[0] ?? 60);
    const names = computed(() => [...(fleet.value?.servers.name ?? [])].sort());
    const server = computed(() => route.query.name ?? "");
    const metrics = computed(() => (fleet.value?.metrics ?? []).filter((name) => name !== "uptime_days"));
    const metric = computed(() => (metrics.value.includes(route.query.metric) ? route.query.metric : "cpu_user_pct"));

    const told = shallowRef(null);
    const toldProblem = ref("");
    const readSummary = async () => {
      if (!offered.value) return;
      const wanted = range.value;
      const path = withQuery("/api/accuracy/summary", { range: wanted });
      told.value ??= held(path);
      try {
        const found = await getJson(path);
        hold(path, found);
        if (wanted !== range.value) return;
        told.value = found;
        toldProblem.value = "";
      } catch (error) {
        toldProblem.value = error.message;
      }
    };
    const past = shallowRef(null);
    const pastProblem = ref("");
    const reading = ref(false);
    const question = computed(() =>
      offered.value && server.value ? withQuery("/api/accuracy/server", { name: server.value, metric: metric.value, horizon: horizon.value, range: range.value }) : "",
    );
    const readPast = async () => {
      const asked = question.value;
      if (!asked) return;
      past.value ??= held(asked);
      reading.value = true;
      try {
        const found = await getJson(asked);
        hold(asked, found);
        if (asked !== question.value) return;
        past.value = found;
        pastProblem.value = "";
      } catch (error) {
        if (asked !== question.value) return;
        past.value = null;
        pastProblem.value = error.message;
      } finally {
        if (asked === question.value) reading.value = false;
      }
    };

    const rows = computed(() => {
      const values = past.value?.metrics[metric.value];
      if (!values) return [];
      return past.value.times_ms.map((time, i) => ({ time, actual: values.actual[i], p10: values.p10[i], p50: values.p50[i], p90: values.p90[i] }));
    });
    const forecasts = computed(() => rows.value.filter((row) => row.p50 !== null));
    const measured = computed(() => rows.value.some((row) => row.actual !== null));
    // What is drawn, counted: only where a point is one step, as a forecast is.
    const counted = computed(() => {
      if (!past.value || past.value.bucket_seconds !== fleet.value?.step_seconds) return null;
      // The last step is still filling.
      const both = forecasts.value.filter((row) => row.actual !== null && row !== rows.value.at(-1));
      return { of: both.length, inside: both.filter((row) => row.actual >= row.p10 && row.actual <= row.p90).length };
    });

    const option = computed(() => {
      void dark.value;
      const colour = palette();
      const unit = metricUnit(metric.value);
      const made = HORIZONS.find(([value]) => value === horizon.value)[1];
      const byTime = new Map(rows.value.map((row) => [row.time, row]));
      const known = [];
      for (const row of forecasts.value) {
        const before = known.at(-1);
        if (before && row.time - before.time > GAP_MS) known.push({ time: before.time + 1, p10: null, p50: null, p90: null });
        known.push(row);
      }
      const line = { type: "line", showSymbol: false, animation: false, emphasis: { disabled: true }, symbol: "circle" };
      return {
        animation: false,
        textStyle: { fontFamily: "inherit" },
        grid: { left: 8, right: 12, top: 14, bottom: 4, containLabel: true },
        xAxis: { type: "time", axisLabel: { color: colour.muted, hideOverlap: true }, axisLine: { lineStyle: { color: colour.line } }, splitLine: { show: false } },
        yAxis: {
          type: "value", scale: !unit.startsWith("%"), axisLabel: { color: colour.muted, formatter: (value) => withUnit(value, unit) },
          splitLine: { lineStyle: { color: colour.line } },
        },
        tooltip: {
          trigger: "axis", confine: true, backgroundColor: colour.surface, borderColor: colour.line, textStyle: { color: colour.text, fontSize: 12.5 },
          axisPointer: { lineStyle: { color: colour.muted } },
          formatter: ([first]) => {
            const time = first?.value[0];
            const row = byTime.get(time);
            if (!row) return "";
            const forecast = row.p50 === null ? "" : `<br>Forecast ${made} before: <b>${withUnit(row.p50, escaped(unit))}</b> (${number(row.p10)} to ${number(row.p90)})`;
            return `${moment(time)}<br><small>${utc(time)}</small><br>Measured: <b>${withUnit(row.actual, escaped(unit))}</b>${forecast}`;
          },
        },
        series: [
          { ...line, symbol: "none", stack: "band", lineStyle: { opacity: 0 }, data: known.map((row) => [row.time, row.p10]) },
          { ...line, symbol: "none", stack: "band", lineStyle: { opacity: 0 }, areaStyle: { color: colour.band }, data: known.map((row) => [row.time, row.p10 === null ? null : row.p90 - row.p10]) },
          { ...line, showSymbol: true, symbolSize: 4, color: colour.accent, lineStyle: { width: 1.4, type: [4, 3] }, data: known.map((row) => [row.time, row.p50]) },
          { ...line, color: colour.text, lineStyle: { width: 1.5 }, data: rows.value.map((row) => [row.time, row.actual]) },
        ],
      };
    });

    const save = () => downloadCsv("argus-accuracy.csv", CSV, rows.value.map((row) => [new Date(row.time).toISOString(), row.actual, row.p10, row.p50, row.p90]));
    // The riskiest one to begin with; from then on it is in the URL and stays.
    const choose = () => !server.value && fleet.value?.servers.name.length && setQuery({ name: fleet.value.servers.name[0] });
    onMounted(() => {
      choose();
      readSummary();
      readPast();
    });
    shownWhen("accuracy", () => told.value && (past.value || pastProblem.value));
    watch(() => Boolean(fleet.value?.servers.name.length), choose);
    watch([range, offered], readSummary);
    watch(question, readPast);
    // A step later there is something new to tell.
    watch(() => fleet.value?.origin_ms, () => {
      readSummary();
      readPast();
    });
    const lead = (seconds) => (seconds === null || seconds < 60 ? age(seconds) : minutes(seconds / 60));
    return {
      FEW, HORIZONS, RANGES, age, chance, counted, forecasts, horizon, lead, link, measured, metric, metricLabel, metrics, moment, names,
      offered, option, past, pastProblem, range, reading, rows, save, server, setQuery, told, toldProblem, utc,
    };
  },
  template: `
    <div class="a-view">
      <Waiting v-if="!link.services.length" />
      <div v-else-if="!offered" class="a-empty" data-test="no-history"><Icon name="history" :size="34" /><h2>Nothing is recorded</h2>
        <p>This Argus server keeps no history, so nobody can say how its forecasts turned out. Start it with <code>argus server --data-dir DIR</code>.</p></div>
      <template v-else>
        <div class="a-segments a-ranges" role="group" aria-label="Range">
          <button v-for="[key, label] in RANGES" :key="key" :aria-pressed="range === key" :data-test="'range-' + key" @click="setQuery({ range: key === '1d' ? null : key })">{{ label }}</button>
        </div>

        <section class="a-panel" aria-label="Incidents" data-test="incidents">
          <header><h2>Were incidents foretold?</h2>
            <span v-if="told?.watched_since_ms" class="a-muted" :title="utc(told.watched_since_ms)">since {{ moment(told.watched_since_ms) }}</span></header>
          <p v-if="toldProblem" class="a-result bad" role="alert"><Icon name="octagon" :size="16" /><span>{{ toldProblem }}</span></p>
          <p v-else-if="!told" class="a-muted">Asking the server.</p>
          <p v-else-if="!told.watched_since_ms" class="a-muted" data-test="nothing-yet">Argus has not watched for long enough yet. It records while servers send metrics; come back in a few minutes.</p>
          <template v-else>
            <dl class="a-numbers">
              <div><dt>Incidents</dt><dd>{{ told.incidents }}</dd><small>on {{ told.servers_with_incidents }} of {{ told.servers }} servers</small></div>
              <div><dt>Foretold</dt><dd>{{ told.incidents ? told.predicted_incidents + " of " + told.incidents : "–" }}</dd>
                <small>{{ told.incidents ? chance(told.predicted_ratio) + " had an alert before" : "there was none to foretell" }}</small></div>
              <div><dt>Lead time</dt><dd>{{ lead(told.mean_lead_seconds) }}</dd><small>from alert to incident, mean</small></div>
              <div><dt>Alerts</dt><dd>{{ told.alerts }}</dd><small>fired in the same time</small></div>
            </dl>
            <p class="a-muted a-note">An incident is a critical threshold that was really crossed, for 10 minutes or more, worked out by the Argus server from what was measured. It was foretold if an alert on the same trouble was firing when it began. What happened before Argus watched does not count.</p>
          </template>
        </section>

        <section class="a-panel" aria-label="Forecast against actual" data-test="past">
          <header><h2>Forecast against actual</h2>
            <button v-if="rows.length" class="a-button" title="These points as CSV" data-test="csv" @click="save()"><Icon name="download" :size="15" />CSV</button></header>
          <div class="a-controls">
            <label>Server <select :value="server" data-test="server" @change="setQuery({ name: $event.target.value })">
              <option v-if="server && !names.includes(server)" :value="server">{{ server }}</option>
              <option v-for="name in names" :key="name" :value="name">{{ name }}</option></select></label>
            <label>Metric <select :value="metric" data-test="metric" @change="setQuery({ metric: $event.target.value })">
              <option v-for="name in metrics" :key="name" :value="name">{{ metricLabel(name) }}</option></select></label>
            <div class="a-segments" role="group" aria-label="How long before the forecast was made">
              <button v-for="[value, label] in HORIZONS" :key="value" :aria-pressed="horizon === value" :data-test="'horizon-' + value" @click="setQuery({ horizon: value === 60 ? null : value })">{{ label }}</button>
            </div>
            <span class="a-muted">before</span>
          </div>
          <p v-if="pastProblem" class="a-result bad" role="alert" data-test="past-problem"><Icon name="octagon" :size="16" /><span>{{ pastProblem }}</span></p>
          <p v-else-if="!server" class="a-muted">There are no servers yet.</p>
          <p v-else-if="!past" class="a-muted">Asking the server.</p>
          <p v-else-if="!measured && !forecasts.length" class="a-muted" data-test="no-points">{{ metricLabel(metric) }} of this server was not measured in this range.</p>
          <template v-else>
            <p v-if="!forecasts.length" class="a-result" data-test="no-forecasts"><Icon name="clock" :size="16" /><span>No forecast made so long before is on record for this range. Forecasts are recorded every 15 minutes, and are shown at the time they were made for.</span></p>
            <Chart :option="option" class="a-past" :class="{ old: reading }" data-test="chart" />
            <p class="a-legend a-muted"><span><i class="measured"></i>measured</span><span><i class="median"></i>forecast p50</span><span><i class="band"></i>p10 to p90</span></p>
            <p v-if="counted?.of" data-test="counted">{{ counted.inside }} of {{ counted.of }} forecasts shown{{ counted.of < FEW ? "" : " (" + chance(counted.inside / counted.of) + ")" }} had the measured value within their band, which promises 8 of 10. <span class="a-muted">Forecasts of every source, as they were made.</span></p>
            <p v-else-if="forecasts.length" class="a-muted">A point here is the mean of {{ age(past.bucket_seconds) }}; choose a shorter range to see forecast by forecast.</p>
          </template>
        </section>
      </template>
    </div>`,
};
