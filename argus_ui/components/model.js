import { useAnswer } from "argus/answer.js";
import { postJson } from "argus/api.js";
import { now } from "argus/clock.js";
import { downloadCsv } from "argus/csv.js";
import { vDialog } from "argus/dialog.js";
import { fleet, link } from "argus/feed.js";
import { age, minutes, moment, utc } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { SOURCES } from "argus/levels.js";
import { forecastAge } from "argus/status.js";
import { shownWhen } from "argus/timing.js";
import { Waiting } from "argus/waiting.js";
import { computed, nextTick, ref } from "vue";

const STATUS_SECONDS = 5;
const ARTIFACTS_SECONDS = 2;
const COUNT = new Intl.NumberFormat();
const BYTES = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const CSV = ["name", "revision", "running", "defect", "parameters", "trained_at_ms", "wql"];

const count = (value) => (value === null || value === undefined ? "–" : COUNT.format(value));
const mebibytes = (value) => `${BYTES.format(value / 1024 / 1024)} MiB`;

const ACTIONS = {
  load: {
    title: (name) => `Load ${name}?`,
    text: "The server loads it beside the running model, checks it, and swaps. If it fails a check, the running model stays. From the next tick on, all forecasts come from it.",
    button: "Load",
    busy: (name) => `Loading ${name}`,
    path: "/api/model/load",
  },
  reload: {
    title: (name) => (name ? `Reload ${name}?` : "Load the configured model?"),
    text: "The server reads the artifact from disk again, checks it, and swaps. If it fails a check, what runs now stays.",
    button: "Reload",
    busy: (name) => `Reloading ${name}`,
    path: "/api/model/reload",
  },
  "roll-back": {
    title: () => "Roll back?",
    text: "The server goes back to the model that ran before this one. Rolling back twice undoes it.",
    button: "Roll back",
    busy: () => "Rolling back",
    path: "/api/model/roll-back",
  },
};

// By status of the dashboard's answer: argus_ui/app.py says which error of the Argus server is which.
const REFUSALS = {
  0: "The dashboard does not answer; what became of it is not known",
  404: "There is no such artifact",
  409: "The server refused",
  501: "The server does not offer this",
  502: "The dashboard may not do this",
  504: "No answer in time; the server may still be at it",
};

export default {
  components: { Icon, Waiting },
  directives: { dialog: vDialog },
  setup() {
    const {
      data: server,
      problem,
      ask: refresh,
    } = useAnswer(() => "/api/model/status", { every: () => STATUS_SECONDS, follow: fleet });

    const model = computed(() => fleet.value?.model ?? server.value?.status.model ?? null);
    // Somebody else may have swapped it.
    const {
      data: artifacts,
      problem: listProblem,
      loading: listing,
      ask: list,
    } = useAnswer(() => "/api/model/artifacts", {
      every: () => ARTIFACTS_SECONDS,
      follow: () => model.value?.revision,
    });

    const runs = computed(() => model.value?.kind === "TFT");
    const step = computed(() => fleet.value?.step_seconds ?? 0);
    const degraded = computed(() => (fleet.value ?? server.value?.status)?.degraded_reason ?? "");
    const sources = computed(() => {
      if (!fleet.value || fleet.value.partial) return null;
      const counts = Object.fromEntries(Object.keys(SOURCES).map((key) => [key, 0]));
      for (const source of fleet.value.servers.source) if (Object.hasOwn(counts, source)) counts[source] += 1;
      return Object.entries(counts).map(([key, number]) => ({
        key,
        css: key.toLowerCase(),
        number,
        title: SOURCES[key],
      }));
    });
    const warm = computed(() => fleet.value?.summary.warm_servers ?? 0);
    const total = computed(() => fleet.value?.summary.total_servers ?? 0);

    const asked = ref(null);
    const confirmButton = ref(null);
    const result = ref(null);
    const began = ref(0);
    const ask = async (action, name) => {
      asked.value = { action, name };
      await nextTick();
      confirmButton.value?.focus();
    };
    const confirm = async () => {
      const { action, name } = asked.value;
      const { busy, path } = ACTIONS[action];
      asked.value = null;
      began.value = Date.now();
      result.value = { kind: "busy", text: busy(name) };
      try {
        const running = await postJson(path, { name });
        result.value = {
          kind: "good",
          text:
            running.kind === "TFT"
              ? `Running now: ${running.revision || running.name}.`
              : "Done; forecasts come from the fallback.",
        };
      } catch (error) {
        result.value = { kind: "bad", text: `${REFUSALS[error.status] ?? "That did not work"}. ${error.message}` };
      }
      await Promise.all([refresh(), list()]);
    };
    const busy = computed(() => result.value?.kind === "busy");
    const seconds = computed(() => (busy.value ? Math.max(0, Math.round((now.value - began.value) / 1000)) : 0));
    const save = () =>
      downloadCsv(
        "argus-models.csv",
        CSV,
        artifacts.value.map((one) => CSV.map((key) => (typeof one[key] === "boolean" ? String(one[key]) : one[key]))),
      );

    shownWhen("model", () => server.value && artifacts.value);

    return {
      ACTIONS,
      SOURCES,
      age,
      artifacts,
      ask,
      asked,
      busy,
      confirm,
      confirmButton,
      count,
      degraded,
      fleet,
      forecastAge,
      link,
      list,
      listing,
      listProblem,
      mebibytes,
      minutes,
      model,
      moment,
      problem,
      result,
      runs,
      save,
      seconds,
      server,
      sources,
      step,
      total,
      utc,
      warm,
    };
  },
  template: `
    <div class="a-view">
    <p v-if="result" class="a-result a-outcome" :class="result.kind" role="status" data-test="result">
      <Icon :name="result.kind === 'bad' ? 'octagon' : result.kind === 'good' ? 'check' : 'clock'" :size="16" />
      <span>{{ result.text }}<template v-if="busy"> … {{ seconds }} s</template></span>
      <button v-if="!busy" aria-label="Close" @click="result = null"><Icon name="close" :size="15" /></button>
    </p>
    <section v-if="degraded" class="a-panel a-degraded" data-test="degraded">
      <h2><Icon name="triangle" />Degraded</h2>
      <div class="a-text">
        <p>{{ degraded }}</p>
        <p v-if="!runs" class="a-muted">No model runs. Every forecast is the statistical fallback: the trend and spread of each server's last hours, with wider bands and no daily rhythm. Risk, alerts and probabilities go on, from those. Repair the artifact and reload it, or load another one below.</p>
        <p v-else class="a-muted">The model runs; what is named above does not work as it should. docs/operations.md says what each of these means and what mends it.</p>
      </div>
    </section>

    <Waiting v-if="!model" />
    <template v-else>
    <div class="a-panels">
      <section class="a-panel" aria-label="Running model" data-test="running">
        <header>
          <h2>Running model</h2>
          <button class="a-button" :disabled="busy" data-test="reload" @click="ask('reload', model?.name ?? '')"><Icon name="history" :size="14" />Reload</button>
          <button class="a-button" :disabled="busy" data-test="roll-back" @click="ask('roll-back', '')">Roll back</button>
        </header>
        <dl class="a-facts">
          <dt>Name</dt><dd data-test="model-name">{{ model.name || "none" }}</dd>
          <dt>Revision</dt><dd><code v-if="model.revision">{{ model.revision }}</code><template v-else>–</template></dd>
          <dt>Kind</dt><dd>{{ model.kind }} <span class="a-muted">{{ runs ? "Temporal Fusion Transformer" : "statistical fallback" }}</span></dd>
          <dt>Device</dt><dd>{{ model.device || "–" }}</dd>
          <dt>Loaded</dt><dd :title="utc(model.loaded_at_ms)">{{ moment(model.loaded_at_ms) }}</dd>
          <template v-if="fleet">
            <dt>Forecasts</dt><dd>{{ fleet.horizon_steps }} steps of {{ minutes(step / 60) }}: {{ minutes((fleet.horizon_steps * step) / 60) }} ahead</dd>
            <dt>Newest</dt><dd>{{ age(forecastAge()) }} old, made in {{ fleet.tick_ms }} ms</dd>
            <dt>Warm servers</dt>
            <dd>{{ warm }} of {{ total }}<span v-if="server" class="a-muted"> · a server needs {{ server.status.required_steps }} steps ({{ minutes((server.status.required_steps * step) / 60) }}) of history</span></dd>
            <dt>Sources</dt>
            <dd class="a-sources" data-test="sources">
              <template v-if="sources && total">
                <span class="a-source-bar" aria-hidden="true"><i v-for="one in sources" :key="one.key" :class="one.css" :style="{ flexGrow: one.number }"></i></span>
                <span class="a-source-key"><span v-for="one in sources" :key="one.key" :title="one.title"><i class="a-swatch" :class="one.css"></i>{{ one.key }} <strong>{{ one.number }}</strong></span></span>
              </template>
              <span v-else class="a-muted">{{ total ? "counting" : "no servers yet" }}</span>
            </dd>
          </template>
        </dl>
      </section>

      <section class="a-panel" aria-label="Server" data-test="server">
        <h2>Server</h2>
        <p v-if="problem" class="a-result bad" role="alert"><Icon name="octagon" :size="16" /><span>{{ problem }}</span></p>
        <dl v-if="server" class="a-facts">
          <dt>Version</dt><dd>{{ server.info.version }} <span class="a-muted">contract {{ server.info.contract_version }}</span></dd>
          <dt>Address</dt><dd>{{ link.target }}</dd>
          <dt>Up for</dt><dd :title="utc(server.info.started_at_ms)">{{ age(server.status.uptime_seconds) }} <span class="a-muted">since {{ moment(server.info.started_at_ms) }}</span></dd>
          <dt>Clock</dt><dd>{{ server.info.clock }} <span class="a-muted">{{ server.info.clock === "event" ? "replays the past: now is the newest sample's time" : "real time" }}</span></dd>
          <dt>Subscribers</dt><dd>{{ count(server.status.subscribers) }} <span class="a-muted">this dashboard is one, however many browsers look</span></dd>
          <dt>Ingest streams</dt><dd>{{ count(server.status.ingest_streams) }}</dd>
          <dt>Rows</dt>
          <dd data-test="rows">{{ count(server.status.accepted_rows) }} accepted, {{ count(server.status.rejected_rows) }} rejected, {{ count(server.status.duplicate_rows) }} duplicate</dd>
          <dt>Limits</dt>
          <dd>{{ count(server.info.limits.max_servers) }} servers; {{ count(server.info.limits.max_batch_rows) }} rows or {{ mebibytes(server.info.limits.max_batch_bytes) }} a batch, {{ server.info.limits.max_in_flight_batches }} in flight; answers up to {{ mebibytes(server.info.max_message_bytes) }}</dd>
          <dt>Services</dt>
          <dd class="a-chips"><span v-for="name in link.services" :key="name" class="a-tag">{{ name }}</span></dd>
        </dl>
        <p v-else-if="!problem" class="a-muted">Asking the server.</p>
      </section>
    </div>

    <section class="a-panel" aria-label="Artifacts" data-test="artifacts">
      <header>
        <h2>Artifacts</h2>
        <button class="a-button" :disabled="listing" data-test="refresh" @click="list()"><Icon name="history" :size="14" />{{ listing ? "Reading" : "Read again" }}</button>
        <button v-if="artifacts?.length" class="a-button" title="This table as CSV" data-test="csv" @click="save()"><Icon name="download" :size="15" />CSV</button>
      </header>
      <p v-if="listProblem" class="a-result bad" role="alert" data-test="list-problem"><Icon name="octagon" :size="16" /><span>{{ listProblem }}</span></p>
      <p v-if="!artifacts && !listProblem" class="a-muted">The server reads and checks what is on disk.</p>
      <p v-else-if="artifacts && !artifacts.length" class="a-muted">The server finds none. Put a folder made by <code>argus train</code> into <code>models/</code> of its data directory, then read again.</p>
      <table v-else-if="artifacts" class="a-plain cards">
        <thead><tr>
          <th>Name</th><th>Revision</th><th>Trained</th><th class="a-end">Parameters</th>
          <th class="a-end" title="Weighted quantile loss on the artifact's own evaluation data, as its maker wrote it; less is better. Compare only what was evaluated on the same data.">wQL</th>
          <th>State</th><th></th>
        </tr></thead>
        <tbody>
          <tr v-for="one in artifacts" :key="one.name" :data-test="'artifact-' + one.name">
            <td data-label="Name" class="a-nowrap"><strong>{{ one.name }}</strong></td>
            <td data-label="Revision" class="a-nowrap">{{ one.revision || "–" }}</td>
            <td data-label="Trained" :title="utc(one.trained_at_ms)">{{ moment(one.trained_at_ms) }}</td>
            <td data-label="Parameters" class="a-end">{{ one.parameters ? count(one.parameters) : "–" }}</td>
            <td data-label="wQL" class="a-end">{{ one.wql ? one.wql.toFixed(3) : "–" }}</td>
            <td data-label="State" class="a-any">
              <span>
                <span v-if="one.running" class="state a-level-healthy"><Icon name="check" :size="15" />Running</span>
                <span v-else-if="one.defect" class="state a-level-critical"><Icon name="octagon" :size="15" />Cannot be loaded</span>
                <span v-else class="state"><Icon name="model" :size="15" />Loadable</span>
                <small v-if="one.defect">{{ one.defect }}</small>
              </span>
            </td>
            <td data-label="" class="a-end">
              <button v-if="!one.running && !one.defect" class="a-button" :disabled="busy" :data-test="'load-' + one.name" @click="ask('load', one.name)">Load</button>
            </td>
          </tr>
        </tbody>
      </table>
    </section>
    </template>

    <div v-if="asked" class="a-overlay" @click.self="asked = null">
      <div v-dialog="{ close: () => (asked = null) }" class="a-palette a-confirm" role="dialog" aria-modal="true" aria-labelledby="a-confirm-title" data-test="confirm-dialog">
        <h2 id="a-confirm-title">{{ ACTIONS[asked.action].title(asked.name) }}</h2>
        <p class="a-muted">{{ ACTIONS[asked.action].text }}</p>
        <footer>
          <button class="a-button" data-test="cancel" @click="asked = null">Cancel</button>
          <button ref="confirmButton" class="a-button primary" data-test="confirm" @click="confirm()">{{ ACTIONS[asked.action].button }}</button>
        </footer>
      </div>
    </div>
    </div>`,
};
