import { useAnswer } from "argus/answer.js";
import { withQuery } from "argus/api.js";
import { now } from "argus/clock.js";
import { downloadCsv } from "argus/csv.js";
import { fleet, link, receivedAt } from "argus/feed.js";
import { matching } from "argus/filters.js";
import { Icon } from "argus/icons.js";
import { onKey } from "argus/keys.js";
import { MetricChart } from "argus/metric_chart.js";
import { RANGES } from "argus/metric_series.js";
import { navigate, route, serverPath, setQuery } from "argus/navigation.js";
import { ServerEvents } from "argus/server_events.js";
import { ServerHeader } from "argus/server_header.js";
import { breachOf } from "argus/time_left.js";
import { shownWhen } from "argus/timing.js";
import { computed, onBeforeUnmount, onMounted, ref } from "vue";

const DEFAULT_RANGE = "8h";
const CSV = ["time_utc", "metric", "measured", "p10", "p50", "p90"];
// Recorded history grows by a bucket in a while, not by every tick.
const HISTORY_SECONDS = 60;

export default {
  components: { Icon, MetricChart, ServerEvents, ServerHeader },
  setup() {
    const name = computed(() => (route.path === "/server" ? (route.query.name ?? "") : ""));
    const answer = useAnswer(() => name.value && withQuery("/api/server", { name: name.value }), {
      every: () => 1,
      follow: fleet,
    });
    const { data: detail, problem } = answer;
    const missing = computed(() => answer.status.value === 404);
    // The fleet knows enough to say at once how the server stands.
    const server = computed(() => detail.value ?? ofFleet(fleet.value, name.value));
    const recorded = computed(() => link.services.includes("History"));
    const ranges = computed(() => RANGES.filter((one) => !one.recorded || recorded.value));
    const range = computed(() =>
      [route.query.range, DEFAULT_RANGE].map((key) => ranges.value.find((one) => one.key === key)).find(Boolean),
    );
    const { data: past, problem: pastProblem } = useAnswer(
      () =>
        name.value &&
        range.value.recorded &&
        withQuery("/api/server/history", { name: name.value, last: range.value.key }),
      { every: () => HISTORY_SECONDS, follow: fleet },
    );
    const drawn = ref(false);
    shownWhen("server", () => drawn.value || (!detail.value && problem.value));

    const charts = computed(() => {
      const found = detail.value;
      if (!found) return [];
      const origin = found.origin_ms;
      const step = 1000 * found.step_seconds;
      const horizon = Math.max(0, ...found.metrics.map((metric) => metric.p50.length));
      const times = past.value?.times_ms ?? [];
      return found.metrics.map((metric, i) => {
        const isUrgent = found.breach?.metric === metric.name;
        return {
          metric,
          large: i === 0,
          breach: isUrgent && found.breach.at_ms !== null ? found.breach : null,
          span: {
            origin,
            step,
            start: origin - range.value.ms,
            end: origin + horizon * step,
            times,
            past: past.value?.metrics[metric.name] ?? null,
          },
        };
      });
    });

    // The list the reader came from: its filters and its order are in the URL.
    const list = computed(() => {
      const names = fleet.value?.servers.name ?? [];
      return matching.value.map((i) => names[i]);
    });
    const place = computed(() => list.value.indexOf(name.value));
    const go = (by) => {
      if (!list.value.length) return;
      const next = place.value < 0 ? 0 : Math.max(0, Math.min(list.value.length - 1, place.value + by));
      if (list.value[next] === name.value) return;
      navigate(serverPath(list.value[next]));
    };
    const unbind = [];
    onMounted(() =>
      unbind.push(
        onKey("j", () => go(1)),
        onKey("k", () => go(-1)),
      ),
    );
    onBeforeUnmount(() => unbind.forEach((off) => off()));

    const setRange = (key) => setQuery({ range: key === DEFAULT_RANGE ? null : key });
    const save = () => downloadCsv(`argus-${name.value}.csv`, CSV, csvRows(detail.value));
    const sinceNews = computed(() => Math.max(0, (now.value - receivedAt.value) / 1000));
    return {
      charts,
      detail,
      drawn,
      go,
      list,
      missing,
      name,
      pastProblem,
      place,
      problem,
      range,
      ranges,
      recorded,
      save,
      server,
      setRange,
      sinceNews,
    };
  },
  template: `
    <div v-if="!name" class="a-empty" data-test="no-name"><Icon name="server" :size="34" /><h2>No server chosen</h2>
      <p>Pick one in the overview, or press <kbd>Ctrl K</kbd> and type a part of its name.</p></div>
    <div v-else-if="!server && missing" class="a-empty" data-test="unknown-server"><Icon name="server" :size="34" />
      <h2 class="a-wrap">{{ name }}</h2>
      <p>The fleet has no server of that name: it has never sent a metric, or has been silent for so long that it was forgotten.</p></div>
    <div v-else-if="!server" class="a-empty" data-test="server-waiting"><Icon name="plug" :size="34" />
      <template v-if="problem"><h2>Nothing to show yet</h2><p>{{ problem }}</p></template><p v-else>Asking about <span class="a-wrap">{{ name }}</span> …</p></div>
    <template v-else>
      <ServerHeader :server="server" :since="sinceNews" :place="place" :count="list.length" @go="go" />
      <p v-if="problem || pastProblem" class="a-inline-problem a-level-warning" role="alert" data-test="server-problem"><Icon name="triangle" :size="15" />
        {{ missing ? "The fleet does not have this server any more; this is how it stood last." : problem || pastProblem }}</p>
      <section aria-label="Metrics">
        <div class="a-toolbar a-server-toolbar">
          <h2>Metrics</h2>
          <div class="a-segments" role="group" aria-label="History shown">
            <button v-for="one in ranges" :key="one.key" :class="{ active: one.key === range.key }" :aria-pressed="one.key === range.key" :data-test="'range-' + one.key" @click="setRange(one.key)">{{ one.label }}</button>
          </div>
          <span class="a-key" aria-hidden="true"><i class="a-key-line"></i>measured<i class="a-key-median"></i>median<i class="a-key-band"></i>p10 to p90<i class="a-dash-warning"></i>warning<i class="a-dash-critical"></i>critical</span>
          <button class="a-button" title="Past day and forecast of every metric as CSV" data-test="server-csv" :disabled="!detail" @click="save"><Icon name="download" :size="14" />CSV</button>
        </div>
        <div class="a-metrics" :aria-busy="!detail"><MetricChart v-for="chart in charts" :key="chart.metric.name" v-bind="chart" @drawn="drawn = true" /></div>
      </section>
      <ServerEvents v-if="recorded && detail" :name="server.name" :range="range" :alerts="server.alerts" />
    </template>`,
};

/** What the columns of the fleet say of a server, in the form of /api/server; null when it is not among them. */
function ofFleet(found, name) {
  const i = found ? found.servers.name.indexOf(name) : -1;
  if (i < 0) return null;
  const at = (key) => found.servers[key][i];
  return {
    name,
    profile: at("profile"),
    state: at("state"),
    state_derived: false,
    level: at("level"),
    label: at("label"),
    risk: at("risk"),
    source: at("source"),
    sampled_at_ms: at("sampled_at_ms"),
    age: at("age"),
    chance_30m: at("chance_30m"),
    chance_8h: at("chance_8h"),
    breach: breachOf(found, i),
    causes: at("cause") ? [{ text: at("cause"), points: 1 }] : [],
    alerts: [],
  };
}

function* csvRows(server) {
  const { origin_ms: origin, step_seconds: step } = server;
  const time = (steps) => new Date(origin + 1000 * step * steps).toISOString();
  for (const { name, history, p10, p50, p90 } of server.metrics) {
    for (let i = 0; i < history.length; i++) yield [time(i + 1 - history.length), name, history[i], null, null, null];
    for (let i = 0; i < p50.length; i++) yield [time(i + 1), name, null, p10[i], p50[i], p90[i]];
  }
}
