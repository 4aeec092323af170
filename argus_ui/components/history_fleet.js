import { Chart, palette } from "argus/charts.js";
import { downloadCsv } from "argus/csv.js";
import { age, minutes, number } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { isRecorded, isRecording, RANGE_LABELS, usePast, useRange } from "argus/past.js";
import { dark } from "argus/theme.js";
import { gapOf, legend, missing, points, spoken, timeAxis, tooltip, valueAxis } from "argus/time_chart.js";
import { shownWhen } from "argus/timing.js";
import { Waiting } from "argus/waiting.js";
import { computed, ref } from "vue";

// From the ground up: trouble stands at the bottom, where its height can be read.
const LEVELS = [
  ["critical", "Critical"],
  ["warning", "Warning"],
  ["degrading", "Degrading"],
  ["healthy", "Healthy"],
];
const RECORDED_SECONDS = 60;
const SOON = "Incident in 30 min";
const LATER = "Incident in 8 h";
const PERCENT = new Set([SOON, LATER]);

export default {
  components: { Chart, Icon, Waiting },
  props: { ranges: Object },
  setup(props) {
    const range = useRange(props.ranges);
    const answer = usePast(() => `/api/history/fleet?range=${range.value}`, props.ranges, range);
    const recorded = computed(() => answer.data.value && isRecorded(answer.data.value.total_servers));
    const unwatched = computed(() => {
      const { bucket_seconds: bucket, times_ms: times, total_servers: values } = answer.data.value;
      return missing(times, values, gapOf(RECORDED_SECONDS, bucket));
    });
    const option = computed(() => {
      const data = answer.data.value;
      void dark.value; // the colours are other ones then
      const colors = palette();
      const times = data.times_ms;
      const gap = gapOf(RECORDED_SECONDS, data.bucket_seconds);
      // A server that has just started has a point or two, which make no line.
      const dots = { showSymbol: data.total_servers.filter((value) => value !== null).length < 4, symbolSize: 5 };
      const span = { min: times[0], max: times.at(-1) };
      const bottom = { gridIndex: 1 };
      // More than one record in a bucket: counts are means then, and what was worst is said where it is known.
      const isMean = data.bucket_seconds > RECORDED_SECONDS;
      const worst = {
        Critical: data.critical_count_maximum,
        [SOON]: percent(data.incident_probability_30m_maximum),
        [LATER]: percent(data.incident_probability_8h_maximum),
      };
      const told = (name, value) => (PERCENT.has(name) ? `${number(value)} %` : number(value));
      const atMost = (name, i) => (isMean && worst[name] ? `, at most ${told(name, worst[name][i])}` : "");
      const said = (name, values) => (i) => [`${told(name, values[i])}${atMost(name, i)}`];
      const line = (name, values, others) => ({
        name,
        type: "line",
        ...dots,
        data: points(times, values, gap, said(name, values)),
        xAxisIndex: 1,
        yAxisIndex: 1,
        ...others,
      });
      return {
        animation: false,
        aria: spoken(`Servers by level and their risk over the last ${RANGE_LABELS[range.value]}`),
        axisPointer: { link: [{ xAxisIndex: "all" }] },
        grid: [
          { left: 44, right: 14, top: 52, height: 150 },
          { left: 44, right: 14, top: 246, height: 110 },
        ],
        legend: [
          legend(colors, LEVELS.map(([, name]) => name).reverse()),
          { ...legend(colors, ["Average risk", "Highest risk", ...PERCENT]), top: 212 },
        ],
        tooltip: tooltip(colors, (_, value) => value, isMean ? `Means of ${age(data.bucket_seconds)}` : ""),
        xAxis: [timeAxis(colors, { ...span, axisLabel: { show: false } }), timeAxis(colors, { ...span, ...bottom })],
        yAxis: [
          valueAxis(colors, { minInterval: 1, name: "servers" }),
          valueAxis(colors, { ...bottom, max: 100, min: 0, interval: 50 }),
        ],
        series: [
          ...LEVELS.map(([key, name]) => ({
            name,
            type: "line",
            stack: "levels",
            ...dots,
            lineStyle: { width: 1 },
            itemStyle: { color: colors[key] },
            areaStyle: { color: colors[key], opacity: key === "healthy" ? 0.18 : 0.6 },
            data: points(times, data[`${key}_count`], gap, said(name, data[`${key}_count`])),
          })),
          line("Average risk", data.average_risk, { itemStyle: { color: colors.accent }, lineStyle: { width: 2 } }),
          line("Highest risk", data.maximum_risk, { itemStyle: { color: colors.critical }, lineStyle: { width: 1.5 } }),
          line(SOON, percent(data.incident_probability_30m), {
            itemStyle: { color: colors.warning },
            lineStyle: { width: 1.2, type: "dashed" },
          }),
          line(LATER, percent(data.incident_probability_8h), {
            itemStyle: { color: colors.muted },
            lineStyle: { width: 1.2, type: "dotted" },
          }),
        ],
      };
    });
    const save = () => {
      const { bucket_seconds, times_ms, ...columns } = answer.data.value;
      const names = Object.keys(columns);
      const rows = times_ms.map((time, i) => [new Date(time).toISOString(), ...names.map((name) => columns[name][i])]);
      downloadCsv(`argus-fleet-${range.value}.csv`, ["time", ...names], rows);
    };
    const drawn = ref(false);
    shownWhen("history", () => drawn.value || answer.problem.value || (answer.data.value && !recorded.value), 2);
    return { answer, drawn, isRecording, minutes, option, recorded, save, unwatched };
  },
  template: `
    <section v-if="isRecording" class="a-panel" aria-label="Fleet over time" data-test="fleet-chart">
      <header class="a-panel-head"><h2>Fleet over time</h2><button v-if="recorded" class="a-button a-push" title="These points as CSV" @click="save()"><Icon name="download" :size="15" />CSV</button></header>
      <Waiting :answer="answer" what="The past of the fleet" height="386px" />
      <template v-if="recorded"><Chart :option="option" @drawn="drawn = true" style="height: 386px" />
        <p v-if="unwatched" class="a-muted" data-test="unwatched">Nothing was recorded for {{ minutes(unwatched / 60000) }} in between: the Argus server did not run then, and no alert could fire.</p></template>
      <div v-else-if="answer.data.value" class="a-empty"><h2>Nothing recorded in this range</h2><p>The fleet is recorded once per minute while the server runs.</p></div>
    </section>`,
};

const percent = (values) => values.map((value) => (value === null ? null : 100 * value));
