import { downloadCsv, fileTime, isoTime } from "argus/csv.js";
import { fleet, link } from "argus/feed.js";
import {
  clearFilters,
  isFiltered,
  matching,
  profile,
  profiles,
  search,
  setProfile,
  setSearch,
  sort,
  sortBy,
} from "argus/filters.js";
import { FleetRow } from "argus/fleet_row.js";
import { Icon } from "argus/icons.js";
import { onKey } from "argus/keys.js";
import { LEVELS } from "argus/levels.js";
import { METERS } from "argus/meters.js";
import { navigate, route, serverPath, setQuery } from "argus/navigation.js";
import { useRowWindow } from "argus/row_window.js";
import { coldServers, FEW_COLD, WARMING_UP } from "argus/status.js";
import { breachOf, leftCell } from "argus/time_left.js";
import { painted, shownWhen } from "argus/timing.js";
import { computed, nextTick, onBeforeUnmount, onMounted, ref, watch } from "vue";

const COLUMNS = [
  { key: "name", label: "Server" },
  { key: "level", label: "Level" },
  { key: "risk", label: "Risk" },
  { key: "breach", label: "Breach" },
  ...METERS.map((meter) => ({ ...meter, isMeter: true })),
  { key: "spark", label: "3 h | next 8 h", fixed: true },
  { key: "age", label: "Age" },
  { key: "source", label: "Forecast" },
];
const ORDERS = COLUMNS.filter((column) => !column.fixed);
// Columns of the file: name, and its value of a server.
const of =
  (key) =>
  ({ servers }, i) =>
    servers[key][i];
const UNITS = { "%": "_pct", "MB/s": "_mb_s" };
const CSV = [
  ["snapshot_time_utc", ({ clock_ms }) => isoTime(clock_ms)],
  ["server", of("name")],
  ["profile", of("profile")],
  ["state", of("state")],
  ["level", ({ servers }, i) => LEVELS[servers.level[i]].key],
  ["level_label", of("label")],
  ["risk_score", of("risk")],
  ["forecast_source", of("source")],
  ["data_age_seconds", of("age")],
  ["newest_sample_utc", ({ servers }, i) => isoTime(servers.sampled_at_ms[i])],
  ["strongest_cause", of("cause")],
  ["breach_probability_30m", of("chance_30m")],
  ["breach_probability_8h", of("chance_8h")],
  ["first_breach_minutes_left", (found, i) => leftCell(breachOf(found, i))],
  ["first_breach_metric", (found, i) => breachOf(found, i)?.metric],
  ["first_breach_threshold", (found, i) => breachOf(found, i)?.threshold],
  ...METERS.flatMap(({ key, unit }) => {
    const name = key + (UNITS[unit] ?? "");
    return [
      [`${name}_now`, of(key)],
      [`${name}_change_30m`, of(`${key}_delta`)],
    ];
  }),
];
const PHONE = "(max-width: 760px)";
// Pixels, as in the style sheet: of a row, of a card with its gap, and of what stays at the top while the page scrolls.
const ROW = 40;
const CARD = 154;
const COVERED = 132;
const COVERED_PHONE = 96;

export default {
  components: { FleetRow, Icon },
  setup() {
    const list = ref(null);
    const box = ref(null);
    const media = window.matchMedia(PHONE);
    const phone = ref(media.matches);
    const measure = () => (phone.value = media.matches);
    const chosen = computed(() => route.query.at ?? "");

    const { first, last, padding, scrollTo } = useRowWindow(
      list,
      () => matching.value.length,
      () => (phone.value ? CARD : ROW),
    );
    const drawn = computed(() => matching.value.slice(first.value, last.value));

    const step = (by) => {
      const names = fleet.value?.servers.name;
      if (!matching.value.length) return;
      const place = matching.value.findIndex((i) => names[i] === chosen.value);
      const next = place < 0 ? 0 : Math.max(0, Math.min(matching.value.length - 1, place + by));
      setQuery({ at: names[matching.value[next]] });
      scrollTo(next, phone.value ? COVERED_PHONE : COVERED);
    };
    const save = () => {
      const found = fleet.value;
      const rows = matching.value.map((i) => CSV.map(([, cellOf]) => cellOf(found, i)));
      downloadCsv(
        `argus-fleet-${fileTime(found.clock_ms)}.csv`,
        CSV.map(([name]) => name),
        rows,
      );
    };
    const unbind = [];
    onMounted(() => {
      media.addEventListener("change", measure);
      unbind.push(
        onKey("j", () => step(1)),
        onKey("k", () => step(-1)),
        onKey("Enter", () => chosen.value && navigate(serverPath(chosen.value))),
        onKey("/", () => box.value?.focus()),
      );
      if (fleet.value) painted(fleet.value);
    });
    onBeforeUnmount(() => {
      media.removeEventListener("change", measure);
      unbind.forEach((off) => off());
    });
    shownWhen("overview", () => fleet.value);
    watch(fleet, async (value) => {
      await nextTick();
      if (value) painted(value, true);
    });
    const cold = computed(() => {
      const { count, total } = coldServers();
      return count && count <= FEW_COLD * total ? `${count} warming up` : "";
    });
    const arrow = (key) => (sort.value.key === key ? (sort.value.reversed ? "sort_up" : "sort_down") : null);
    return {
      COLUMNS,
      ORDERS,
      WARMING_UP,
      arrow,
      box,
      chosen,
      clearFilters,
      cold,
      drawn,
      fleet,
      isFiltered,
      link,
      list,
      matching,
      padding,
      phone,
      profile,
      profiles,
      save,
      search,
      setProfile,
      setSearch,
      sort,
      sortBy,
    };
  },
  template: `
    <section class="a-fleet" aria-label="Servers">
      <div v-if="!fleet" class="a-empty" data-test="no-fleet">
        <Icon name="plug" :size="34" />
        <template v-if="link.state === 'live'">
          <h2>Connected, nothing published yet</h2>
          <p>The Argus server has no fleet to show. Send it metrics: <code>argus host</code> on a machine, or <code>argus simulate</code> for a fleet to try it with.</p>
        </template>
        <template v-else>
          <h2>Waiting for the Argus server</h2>
          <p>Nothing answers at <code>{{ link.target || "the target" }}</code>. Start one with <code>argus server</code>, or point the dashboard elsewhere with <code>argus ui --target HOST:PORT</code>.</p>
          <p v-if="link.error" class="a-muted">{{ link.error }}</p>
        </template>
      </div>
      <template v-else>
        <div class="a-toolbar">
          <h2>Servers</h2>
          <label class="a-search"><Icon name="search" :size="15" />
            <input ref="box" type="search" :value="search" placeholder="Search  ( / )" aria-label="Search servers" spellcheck="false" data-test="search"
              @input="setSearch($event.target.value)" @keydown.esc="setSearch(''); $event.target.blur()" @keydown.enter="$event.target.blur()">
          </label>
          <select :value="profile" aria-label="Profile" data-test="profile" @change="setProfile($event.target.value)">
            <option value="">All profiles</option>
            <option v-for="name in profiles" :key="name" :value="name">{{ name }}</option>
          </select>
          <button v-if="isFiltered" class="a-link" data-test="clear" @click="clearFilters()">Clear filters</button>
          <span v-if="cold && !phone" class="a-source a-source-fallback a-cold" :title="WARMING_UP" data-test="cold">{{ cold }}</span>
          <span class="a-muted a-count" data-test="count">{{ matching.length }} of {{ fleet.summary.total_servers }}</span>
          <button class="a-button" title="These rows as CSV" data-test="csv" @click="save()"><Icon name="download" :size="15" />CSV</button>
        </div>
        <div v-if="phone" class="a-phone-order">
          <label>Sort by <select :value="sort.key" data-test="sort" @change="sortBy($event.target.value)">
            <option v-for="column in ORDERS" :key="column.key" :value="column.key">{{ column.label }}</option></select></label>
          <span v-if="cold" class="a-source a-source-fallback" :title="WARMING_UP" data-test="cold">{{ cold }}</span>
          <button v-if="isFiltered" class="a-link" data-test="clear-phone" @click="clearFilters()">Clear filters</button>
          <button class="a-button" title="These rows as CSV" data-test="csv-phone" @click="save()"><Icon name="download" :size="15" />CSV</button>
        </div>
        <div v-if="!matching.length" class="a-empty" data-test="no-match">
          <template v-if="fleet.summary.total_servers"><h2>No server matches</h2>
            <p><button class="a-link" @click="clearFilters()">Clear the filters</button> to see all {{ fleet.summary.total_servers }}.</p></template>
          <template v-else><h2>No servers yet</h2>
            <p>Send metrics: <code>argus host</code> on a machine, or <code>argus simulate</code> for a fleet to try it with.</p></template>
        </div>
        <div v-else class="a-table" role="table" :aria-rowcount="matching.length">
          <div v-if="!phone" class="a-row a-head" role="row">
            <component :is="column.fixed ? 'span' : 'button'" v-for="column in COLUMNS" :key="column.key" role="columnheader"
              :class="[column.isMeter && 'c-meter', 'c-' + column.key]" :data-test="'sort-' + column.key"
              @click="column.fixed || sortBy(column.key)">{{ column.label }}<small v-if="column.unit">{{ column.unit }}</small><Icon v-if="arrow(column.key)" :name="arrow(column.key)" :size="13" /></component>
          </div>
          <div ref="list" class="a-rows" role="rowgroup" :style="padding">
            <FleetRow v-for="i in drawn" :key="fleet.servers.name[i]" :fleet="fleet" :index="i" :phone="phone" :chosen="fleet.servers.name[i] === chosen" />
          </div>
        </div>
      </template>
    </section>`,
};
