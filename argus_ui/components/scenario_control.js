import { useAnswer } from "argus/answer.js";
import { postJson } from "argus/api.js";
import { downloadCsv } from "argus/csv.js";
import { fleet } from "argus/feed.js";
import { clearFilters, isFiltered, matching } from "argus/filters.js";
import { moment, riskText, utc } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { LEVELS } from "argus/levels.js";
import { href, serverPath } from "argus/navigation.js";
import { breachOf, leftCell, leftWords } from "argus/time_left.js";
import { shownWhen } from "argus/timing.js";
import { computed, ref } from "vue";

// As argus.v1.Scenario describes them.
const SCENARIOS = [
  {
    key: "healthy",
    label: "Healthy",
    icon: "check",
    level: "healthy",
    text: "Normal operation with its daily and weekly rhythm. Calls off the others.",
  },
  {
    key: "degrading",
    label: "Degrading",
    icon: "trend-up",
    level: "degrading",
    text: "A fifth of the servers slowly get worse.",
  },
  {
    key: "critical",
    label: "Critical",
    icon: "octagon",
    level: "critical",
    text: "A quarter of the servers quickly get critical. After Degrading, the same ones get worse.",
  },
  {
    key: "cascade",
    label: "Cascade",
    icon: "cascade",
    level: "warning",
    text: "Databases fail and take the servers that depend on them along.",
  },
];
const EVERY_SECONDS = 5;
const CSV = ["name", "level", "risk", "minutes_to_breach", "cause"];

export default {
  components: { Icon },
  props: { simulator: String },
  setup() {
    const {
      data: status,
      problem,
      ask,
    } = useAnswer(() => "/api/scenario", { every: () => EVERY_SECONDS, follow: fleet });
    const busy = ref("");
    const refusal = ref("");
    const set = async (scenario) => {
      busy.value = scenario;
      refusal.value = "";
      try {
        await postJson("/api/scenario", { scenario });
      } catch (error) {
        refusal.value = error.message;
      } finally {
        busy.value = "";
      }
      // A question from before may still be under way.
      await ask();
    };
    const running = computed(() => SCENARIOS.find(({ key }) => key === status.value?.scenario));
    const rows = computed(() => {
      const affected = new Set(status.value?.affected_servers ?? []);
      const servers = fleet.value?.servers;
      if (!servers) return [];
      return matching.value
        .filter((i) => affected.has(servers.name[i]))
        .map((i) => ({
          name: servers.name[i],
          level: LEVELS[servers.level[i]],
          label: servers.label[i],
          risk: servers.risk[i],
          breach: breachOf(fleet.value, i),
          cause: servers.cause[i],
          silent: servers.source[i] === "STALE",
        }));
    });
    const save = () =>
      downloadCsv(
        "argus-scenario.csv",
        CSV,
        rows.value.map((row) => [row.name, row.level.key, row.risk, leftCell(row.breach), row.cause]),
      );
    shownWhen("scenario", () => status.value);
    return {
      SCENARIOS,
      busy,
      clearFilters,
      fleet,
      href,
      isFiltered,
      leftWords,
      moment,
      problem,
      refusal,
      rows,
      running,
      save,
      serverPath,
      set,
      status,
      riskText,
      utc,
    };
  },
  template: `
    <div class="a-view">
      <section class="a-panel" aria-label="Scenario" data-test="scenario">
        <header>
          <h2>Scenario <span class="a-muted a-subtitle">of the simulator at {{ simulator }}</span></h2>
          <span v-if="running" class="a-muted" :title="utc(status.since_ms)" data-test="since">{{ running.label }}<template v-if="status.since_ms"> since {{ moment(status.since_ms) }}</template></span>
        </header>
        <p v-if="problem && !status" class="a-result bad" role="alert" data-test="no-simulator"><Icon name="plug" :size="16" />
          <span>The simulator does not answer. Start one with <code>argus simulate --scenario-listen {{ simulator }}</code>, or point the dashboard elsewhere with <code>argus ui --simulator HOST:PORT</code>. <small>{{ problem }}</small></span></p>
        <p v-else-if="problem" class="a-result bad" role="alert"><Icon name="plug" :size="16" /><span>The simulator has stopped answering; below is what it last said. <small>{{ problem }}</small></span></p>
        <p v-if="refusal" class="a-result bad" role="alert"><Icon name="octagon" :size="16" /><span>{{ refusal }}</span></p>
        <div class="a-scenarios">
          <button v-for="one in SCENARIOS" :key="one.key" class="a-scenario" :class="{ running: running?.key === one.key }"
            :aria-pressed="running?.key === one.key" :disabled="Boolean(busy) || !status" :data-test="'set-' + one.key" @click="set(one.key)">
            <span class="a-scenario-name" :class="'a-level-' + one.level"><Icon :name="one.icon" :size="16" />{{ one.label }}<small v-if="busy === one.key">switching</small><small v-else-if="running?.key === one.key">running</small></span>
            <span class="a-muted">{{ one.text }}</span>
          </button>
        </div>
        <p v-if="status" class="a-muted a-note">Trouble builds up and dies down over minutes; the counters above and the servers below follow with every forecast. The simulator chooses which servers are affected.</p>
      </section>

      <section v-if="status && running?.key !== 'healthy'" class="a-panel" aria-label="Affected servers" data-test="affected">
        <header>
          <h2>Affected servers <span class="a-muted a-subtitle">{{ status.affected_servers.length }} of {{ status.total_servers }}</span></h2>
          <button v-if="isFiltered" class="a-link" @click="clearFilters()">Clear filters</button>
          <button v-if="rows.length" class="a-button" title="These rows as CSV" data-test="csv" @click="save()"><Icon name="download" :size="15" />CSV</button>
        </header>
        <p v-if="!status.affected_servers.length" class="a-muted">It begins with the simulator's next sample.</p>
        <p v-else-if="!rows.length" class="a-muted">{{ isFiltered ? "None of them matches the filters." : "The Argus server does not know any of them: does the simulator send to it?" }}</p>
        <table v-else class="a-plain cards">
          <thead><tr><th>Server</th><th>Level</th><th class="a-end">Risk</th><th>Breach</th><th>Cause</th></tr></thead>
          <tbody>
            <tr v-for="row in rows" :key="row.name" data-test="affected-server">
              <td data-label="Server" class="a-any"><a class="a-name a-link" :href="href(serverPath(row.name))">{{ row.name }}</a></td>
              <td data-label="Level"><span><span class="a-chip" :class="'a-level-' + row.level.key"><Icon :name="row.level.icon" :size="13" />{{ row.label }}</span></span></td>
              <td data-label="Risk" class="a-end">{{ riskText(row.risk) }}</td>
              <td data-label="Breach" class="a-nowrap">{{ row.breach ? leftWords(row.breach) : "–" }}</td>
              <td data-label="Cause" class="a-any">{{ row.cause || "–" }}</td>
            </tr>
          </tbody>
        </table>
      </section>
    </div>`,
};
