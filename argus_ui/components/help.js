import { useAnswer } from "argus/answer.js";
import { downloadCsv } from "argus/csv.js";
import { link } from "argus/feed.js";
import { metricLabel, number } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { LEVELS, SOURCES } from "argus/levels.js";
import { SHORTCUTS } from "argus/shortcuts.js";
import { shownWhen } from "argus/timing.js";
import { computed } from "vue";

const LEAST_SECONDS = 5;

// Ranges of argus.v1.AlertLevel and AlertPriority.
const LADDER = [
  { ...LEVELS[3], range: "80 to 100", text: "Imminent failure from 90 on" },
  { ...LEVELS[2], range: "60 to 80", text: "Danger from 70 on" },
  { ...LEVELS[1], range: "50 to 60", text: "" },
  { ...LEVELS[0], range: "below 50", text: "Watch from 30 on" },
];
const DOCS = [
  ["README.md", "first steps, sending metrics, the command line, the Python client"],
  ["docs/alerts.md", "the life of an alert, silences, maintenance windows, notifications"],
  ["docs/accuracy.md", "how good the forecasts are, and how that was measured"],
  ["docs/history.md", "what is recorded, questions to it, exports"],
  ["docs/metrics.md", "Prometheus metrics of the server"],
  ["docs/operations.md", "data directory, restarts, full disks, models"],
  ["docs/security.md", "keys and their scopes, TLS"],
];
const CSV = ["metric", "profile", "warning", "critical", "unit", "low_is_bad", "per_core"];

export default {
  components: { Icon },
  setup() {
    const { data: told, problem } = useAnswer(() => "/api/help", {
      every: () => LEAST_SECONDS,
      follow: () => link.version,
    });
    const thresholds = computed(() => told.value?.thresholds ?? []);
    const limit = (one, value) =>
      `${one.low_is_bad ? "≤" : "≥"} ${number(value)}${one.unit ? ` ${one.unit}` : ""}${one.per_core ? " per core" : ""}`;
    const save = () =>
      downloadCsv(
        "argus-thresholds.csv",
        CSV,
        thresholds.value.map((one) => CSV.map((key) => (typeof one[key] === "boolean" ? String(one[key]) : one[key]))),
      );
    shownWhen("help", () => told.value);
    return { DOCS, LADDER, SHORTCUTS, SOURCES, limit, metricLabel, problem, save, thresholds, told };
  },
  template: `
    <div class="a-view a-help">
      <div class="a-help-top">
        <section class="a-panel a-text" aria-label="How to read it" data-test="help-text">
          <h2>How to read it</h2>
          <p>Argus looks at every server's metrics, forecasts each of them 8 hours ahead in steps of 5 minutes, and says who will be in trouble, when, why, and how sure it is.</p>
          <dl class="a-words">
            <dt>Risk</dt>
            <dd>0 to 100 per server: 70 % for how its metrics stand now, 30 % for what is forecast for the next 30 minutes. A crossing that is near certain lifts it to Warning when it is near, and to Degrading when it is hours away, however quiet the server is now. A server that stopped sending has at least 90. These are the risk tables that Argus comes with; a server may be given its own.</dd>
            <dt>Band</dt>
            <dd>A forecast is three lines: p50, which the value is as likely to exceed as not, and p10 and p90 around it. The value should lie within the band 8 times in 10. A wide band means: not sure.</dd>
            <dt>P(cross)</dt>
            <dd>The probability that a critical threshold is crossed, within 30 minutes or within 8 hours. 100 % means that it is crossed already. The fleet's probability of an incident is that of at least one server.</dd>
            <dt>Minutes left</dt>
            <dd>Until p50 crosses the first critical threshold; where only the pessimistic side of the band does, until that does. “now” means that it is crossed. Nothing means that no crossing is expected.</dd>
            <dt>Forecast source</dt>
            <dd><span v-for="(text, name) in SOURCES" :key="name" class="a-line"><span class="a-source" :class="'a-source-' + name.toLowerCase()">{{ name }}</span> {{ text }}.</span></dd>
            <dt>Warming up</dt>
            <dd>The model needs two hours of a server's metrics. Until then its forecasts are the fallback's: honest bands, no daily rhythm.</dd>
            <dt>Silent</dt>
            <dd>A server that has sent nothing for three steps (a quarter of an hour; longer when the past is replayed). It counts as critical, and raises an alert: a dead server says nothing else.</dd>
            <dt>Degraded</dt>
            <dd>The Argus server cannot do what it is meant to: its model cannot be used, its disk cannot be written, or the like. It goes on with what it has and says why at the top of every page.</dd>
            <dt>Alerts</dt>
            <dd>Raised when a crossing is likely enough for some minutes (memory: 32 % within 1 hour, for 5 minutes; each metric has its own rule, see docs/alerts.md), when risk stays at 80 or more, or when a server falls silent; over when that has been so for a while. Acknowledge: you are on it, everybody sees it. Silence: nobody is notified, and it is still shown.</dd>
          </dl>
        </section>
        <div class="a-view">
          <section class="a-panel" aria-label="Levels">
            <h2>Levels</h2>
            <table class="a-plain" data-test="ladder">
              <thead><tr><th>Level</th><th>Risk</th><th>Finer</th></tr></thead>
              <tbody><tr v-for="level in LADDER" :key="level.key">
                <td class="a-nowrap"><span class="a-chip" :class="'a-level-' + level.key"><Icon :name="level.icon" :size="13" />{{ level.label }}</span></td>
                <td class="a-nowrap">{{ level.range }}</td><td class="a-muted">{{ level.text }}</td>
              </tr></tbody>
            </table>
          </section>
          <section class="a-panel" aria-label="Keys">
            <h2>Keys</h2>
            <dl class="a-facts"><template v-for="[key, what] in SHORTCUTS" :key="key"><dt><kbd>{{ key }}</kbd></dt><dd>{{ what }}</dd></template></dl>
          </section>
          <section class="a-panel" aria-label="Versions" data-test="versions">
            <h2>Versions</h2>
            <dl class="a-facts">
              <dt>Dashboard</dt><dd>{{ told?.dashboard || "–" }}</dd>
              <dt>Argus server</dt><dd>{{ told?.server || "not known yet" }}</dd>
              <dt>Contract</dt><dd>{{ told?.contract || "–" }}</dd>
            </dl>
          </section>
        </div>
      </div>
      <div class="a-help-top">
        <section class="a-panel" aria-label="Thresholds" data-test="thresholds">
          <header><h2>Thresholds of this server</h2>
            <button v-if="thresholds.length" class="a-button" title="This table as CSV" @click="save()"><Icon name="download" :size="15" />CSV</button></header>
          <p v-if="problem" class="a-level-critical" role="alert">{{ problem }}</p>
          <p v-else-if="!thresholds.length" class="a-muted">Known once the Argus server has answered.</p>
          <template v-else>
            <p class="a-muted">From the server's risk tables. Crossings, probabilities and alerts are about the critical ones.</p>
            <table class="a-plain">
              <thead><tr><th>Metric</th><th>Profile</th><th>Warning</th><th>Critical</th></tr></thead>
              <tbody><tr v-for="one in thresholds" :key="one.metric + ' ' + one.profile">
                <td>{{ metricLabel(one.metric) }}</td><td class="a-muted">{{ one.profile || "all others" }}</td>
                <td class="a-nowrap">{{ limit(one, one.warning) }}</td><td class="a-nowrap">{{ limit(one, one.critical) }}</td>
              </tr></tbody>
            </table>
          </template>
        </section>
        <section class="a-panel" aria-label="Read on">
          <h2>Read on</h2>
          <p class="a-muted">These come with the source of Argus. Every command explains itself with <code>--help</code>.</p>
          <dl class="a-docs"><template v-for="[file, what] in DOCS" :key="file"><dt><code>{{ file }}</code></dt><dd>{{ what }}</dd></template></dl>
        </section>
      </div>
    </div>`,
};
