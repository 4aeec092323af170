import { Acknowledge } from "argus/acknowledge.js";
import { about, active, followAlerts, problem, resolved, SHOWS, since, when, whenFull } from "argus/alerts.js";
import { downloadCsv, isoTime } from "argus/csv.js";
import { fleet, isStale, link } from "argus/feed.js";
import { isSilent } from "argus/filters.js";
import { chance, noDataFor } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { onKey } from "argus/keys.js";
import { LEVELS } from "argus/levels.js";
import { href, route, serverPath, setQuery } from "argus/navigation.js";
import { crossingMoment, crossingOfAlert, fleetClock, leftWords } from "argus/time_left.js";
import { shownWhen } from "argus/timing.js";
import { computed, onBeforeUnmount, onMounted, ref } from "vue";

const QUIET = [
  { key: "silences", label: "Silences", icon: "bell_off" },
  { key: "windows", label: "Maintenance", icon: "history" },
];
const STEP = 100;
const CSV = [
  "id",
  "server",
  "profile",
  "subject",
  "metric",
  "state",
  "level",
  "risk",
  "probability",
  "minutes",
  "cause",
  "started_at",
  "fired_at",
  "resolved_at",
  "resolution",
  "fired_count",
  "acknowledged_by",
  "acknowledged_at",
  "silence_id",
  "window_id",
];

export default {
  components: { Acknowledge, Icon },
  setup() {
    const show = computed(() =>
      [...SHOWS, ...QUIET].some(({ key }) => key === route.query.show) ? route.query.show : "firing",
    );
    const tab = computed(() => SHOWS.find(({ key }) => key === show.value));
    const wantsResolved = computed(() => show.value === "resolved" || Boolean(route.query.alert));
    followAlerts(wantsResolved);

    const search = computed(() => route.query.q ?? "");
    const words = (alert) =>
      [alert.server, alert.profile, about(alert), alert.cause, alert.acknowledged_by].join("\n").toLowerCase();
    const level = computed(() => (LEVELS.some(({ key }) => key === route.query.level) ? route.query.level : ""));
    const listed = computed(() => {
      const wanted = search.value.trim().toLowerCase();
      const held = show.value === "resolved" ? resolved.value : active.value;
      if (!held || !tab.value) return null;
      return held.filter(
        (alert) =>
          tab.value.has(alert) &&
          (!level.value || LEVELS[alert.level].key === level.value) &&
          (!wanted || words(alert).includes(wanted)),
      );
    });
    const counts = computed(() =>
      Object.fromEntries(SHOWS.map(({ key, has }) => [key, active.value?.filter(has).length ?? 0])),
    );
    const most = ref(STEP);
    const rows = computed(() => listed.value?.slice(0, most.value) ?? []);
    const stale = computed(isStale);
    // What nobody has to do anything about: not even a server is critical that no alert is about yet.
    const calm = computed(() => {
      const { pending, acknowledged, muted } = counts.value;
      return !pending && !acknowledged && !muted && !fleet.value?.summary.critical_count;
    });
    const none = computed(() => {
      const { pending } = counts.value;
      if (show.value !== "firing" || !pending) return tab.value.empty;
      const critical = active.value.filter(
        (alert) => SHOWS[1].has(alert) && LEVELS[alert.level].key === "critical",
      ).length;
      return `None fire yet: ${pending} pending${critical ? `, ${critical} critical` : ""}.`;
    });
    // How long those are silent that an alert is about.
    const ages = computed(() => {
      const servers = fleet.value?.servers;
      const found = new Map();
      for (let i = 0; servers && i < servers.name.length; i++)
        if (isSilent(servers, i)) found.set(servers.name[i], servers.age[i]);
      return found;
    });
    const quiet = ({ subject, state, server }) =>
      subject === "silence" && state !== "resolved" && ages.value.has(server) ? noDataFor(ages.value.get(server)) : "";
    const sinceLabel = computed(() => ({ firing: "Firing since", resolved: "Resolved" })[show.value] ?? "Since");

    const go = (key) => {
      most.value = STEP;
      setQuery({ show: key === "firing" ? null : key, alert: null, at: null });
    };
    const open = (alert) => setQuery({ alert: alert.id });
    const save = () =>
      downloadCsv(
        `argus-alerts-${show.value}.csv`,
        CSV,
        listed.value.map((alert) =>
          CSV.map((key) =>
            key === "level" ? LEVELS[alert.level].key : key.endsWith("_at") ? isoTime(alert[key]) : alert[key],
          ),
        ),
      );

    shownWhen("alerts", () => active.value || problem.value);

    const box = ref(null);
    const chosen = computed(() => route.query.at ?? "");
    const acks = {};
    const hold = (id) => (element) => (element ? (acks[id] = element) : delete acks[id]);
    const step = (by) => {
      if (!rows.value.length) return;
      const place = rows.value.findIndex(({ id }) => id === chosen.value);
      const { id } = rows.value[place < 0 ? 0 : Math.max(0, Math.min(rows.value.length - 1, place + by))];
      setQuery({ at: id });
      document.getElementById(`alert-${id}`)?.scrollIntoView({ block: "nearest" });
    };
    const unbind = [];
    onMounted(() =>
      unbind.push(
        onKey("j", () => step(1)),
        onKey("k", () => step(-1)),
        onKey("Enter", () => chosen.value && setQuery({ alert: chosen.value })),
        onKey("a", () => acks[chosen.value]?.open()),
        onKey("/", () => box.value?.focus()),
      ),
    );
    onBeforeUnmount(() => unbind.forEach((off) => off()));
    return {
      LEVELS,
      QUIET,
      SHOWS,
      STEP,
      about,
      active,
      box,
      calm,
      chance,
      chosen,
      counts,
      crossingMoment,
      crossingOfAlert,
      fleet,
      fleetClock,
      go,
      hold,
      href,
      leftWords,
      level,
      link,
      listed,
      most,
      none,
      open,
      problem,
      quiet,
      rows,
      save,
      search,
      serverPath,
      setQuery,
      show,
      since,
      sinceLabel,
      stale,
      tab,
      when,
      whenFull,
    };
  },
  template: `
    <section class="a-alerts" aria-label="Alerts">
      <div class="a-toolbar a-alert-bar">
        <div class="a-switch" role="tablist">
          <button v-for="one in SHOWS" :key="one.key" role="tab" :aria-selected="show === one.key" :class="{ active: show === one.key }" :title="one.title"
            :data-test="'show-' + one.key" @click="go(one.key)">{{ one.label }}<b v-if="one.key !== 'resolved' && active">{{ counts[one.key] }}</b></button>
          <i></i>
          <button v-for="one in QUIET" :key="one.key" role="tab" :aria-selected="show === one.key" :class="{ active: show === one.key }"
            :data-test="'show-' + one.key" @click="go(one.key)">{{ one.label }}</button>
        </div>
        <template v-if="tab">
          <label class="a-search"><Icon name="search" :size="15" />
            <input ref="box" type="search" :value="search" placeholder="Search  ( / )" aria-label="Search alerts" spellcheck="false" data-test="search"
              @input="setQuery({ q: $event.target.value })" @keydown.esc="setQuery({ q: null }); $event.target.blur()" @keydown.enter="$event.target.blur()">
          </label>
          <select :value="level" aria-label="Level" data-test="level" @change="setQuery({ level: $event.target.value })">
            <option value="">All levels</option>
            <option v-for="one in LEVELS.slice(1).reverse()" :key="one.key" :value="one.key">{{ one.label }}</option>
          </select>
          <button class="a-button" title="These rows as CSV" :disabled="!listed?.length" data-test="csv" @click="save()"><Icon name="download" :size="15" />CSV</button>
        </template>
      </div>
      <template v-if="tab">
        <p v-if="problem && active" class="a-alert-old" role="status"><Icon name="plug" :size="15" /> What you see may be old. {{ problem }}</p>
        <div v-if="!listed" class="a-empty" data-test="no-alerts">
          <template v-if="problem"><Icon name="plug" :size="34" /><h2>Alerts cannot be read</h2><p>{{ problem }}</p><p>They come by themselves once that is mended.</p></template>
          <template v-else-if="link.state !== 'live'"><Icon name="plug" :size="34" /><h2>Waiting for the Argus server</h2>
            <p>Nothing answers at <code>{{ link.target }}</code>. Start one with <code>argus server</code>.</p></template>
          <p v-else class="a-loading">Reading alerts</p>
        </div>
        <div v-else-if="!listed.length" class="a-empty" data-test="no-alerts">
          <template v-if="search || level"><h2>No alert matches</h2><p><button class="a-link" @click="setQuery({ q: null, level: null })">Clear the filters</button> to see all.</p></template>
          <template v-else-if="stale"><Icon name="plug" :size="34" /><h2>No connection: alerts are not known</h2><p>When last heard of: {{ tab.empty }} What has changed since shows once the connection is back.</p></template>
          <template v-else><span v-if="calm" class="a-level-healthy"><Icon name="check" :size="34" /></span>
            <Icon v-else :name="show === 'firing' && counts.pending ? 'clock' : tab.icon" :size="34" /><h2>{{ none }}</h2>
            <p v-if="show === 'firing' && fleet?.summary.critical_count"><a class="a-link" :href="href('/?level=critical')">{{ fleet.summary.critical_count }} {{ fleet.summary.critical_count === 1 ? "server is" : "servers are" }} critical now</a></p>
            <p v-if="show === 'firing' && counts.acknowledged"><button class="a-link" @click="go('acknowledged')">Somebody is on {{ counts.acknowledged }}</button></p>
            <p v-if="show === 'firing' && counts.pending"><button class="a-link" data-test="go-pending" @click="go('pending')">Look at what is pending</button></p></template>
        </div>
        <div v-else class="a-alert-rows" role="table" aria-label="Alerts">
          <div class="a-alert a-alert-head" role="row"><span role="columnheader">Level</span><span role="columnheader">Server</span><span role="columnheader">About</span>
            <span role="columnheader">{{ show === "resolved" ? "" : "Crosses" }}</span><span role="columnheader" data-test="since-head">{{ sinceLabel }}</span><span></span></div>
          <article v-for="alert in rows" :id="'alert-' + alert.id" :key="alert.id" class="a-alert" :class="['a-edge-' + LEVELS[alert.level].key, { chosen: alert.id === chosen }]"
            role="row" data-test="alert" @click="open(alert)">
            <span class="a-alert-level" role="cell"><span class="a-chip" :class="'a-level-' + LEVELS[alert.level].key"><Icon :name="LEVELS[alert.level].icon" :size="13" />{{ LEVELS[alert.level].label }}</span></span>
            <div class="a-alert-who" role="cell">
              <a class="a-name" :href="href(serverPath(alert.server))" :title="alert.server" @click.stop>{{ alert.server }}</a>
              <small class="a-muted">{{ alert.profile }}</small>
            </div>
            <div class="a-alert-what" role="cell"><b>{{ about(alert) }}</b>
              <span class="a-cause" :title="alert.cause">{{ alert.state === "resolved" ? alert.resolution : alert.cause }}</span></div>
            <div class="a-alert-left" role="cell">
              <b v-if="quiet(alert)">{{ quiet(alert) }}</b>
              <template v-else-if="crossingOfAlert(alert)"><b :title="crossingMoment(crossingOfAlert(alert))" data-test="alert-left">{{ leftWords(crossingOfAlert(alert)) }}</b>
                <small class="a-muted" title="Probability that its threshold is crossed within 8 hours">{{ chance(alert.probability) }}</small></template>
              <template v-else-if="alert.state !== 'resolved'"><b>–</b><small v-if="alert.probability" class="a-muted">{{ chance(alert.probability) }}</small></template>
            </div>
            <div class="a-alert-since" role="cell"><span :title="whenFull(since(alert))">{{ when(since(alert), fleetClock) }}</span>
              <small v-if="alert.fired_count > 1" class="a-muted" :title="'It has fired ' + alert.fired_count + ' times'">fired {{ alert.fired_count }}×</small></div>
            <div class="a-alert-acts" role="cell">
              <span v-if="alert.acknowledged_by" class="a-muted a-alert-owner" :title="'Since ' + whenFull(alert.acknowledged_at)" data-test="owner"><Icon name="user_check" :size="14" /> {{ alert.acknowledged_by }}</span>
              <span v-if="alert.silence_id || alert.window_id" class="a-muted" :title="alert.silence_id ? 'Kept quiet by a silence' : 'Kept quiet by a maintenance window'"><Icon name="bell_off" :size="14" /></span>
              <span v-if="alert.notes.length" class="a-muted" :title="alert.notes.at(-1).author + ': ' + alert.notes.at(-1).text"><Icon name="note" :size="14" /> {{ alert.notes.length }}</span>
              <Acknowledge v-if="alert.state !== 'resolved' && !alert.acknowledged_by" :ref="hold(alert.id)" :ids="[alert.id]" :what="alert.server + ', ' + about(alert)" />
            </div>
          </article>
          <button v-if="listed.length > rows.length" class="a-link a-more" @click="most += STEP">{{ listed.length - rows.length }} more</button>
        </div>
      </template>
    </section>`,
};
