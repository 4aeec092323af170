// What happened to the alerts of a server.

import { about } from "argus/alerts.js";
import { getJson, withQuery } from "argus/api.js";
import { downloadCsv } from "argus/csv.js";
import { chance, moment, utc } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { LEVELS } from "argus/levels.js";
import { computed, onMounted, ref, shallowRef, watch } from "vue";

const CSV = ["at_utc", "event", "alert_id", "subject", "metric", "level", "probability", "author", "detail"];
const FIRST = 12;

export const ServerEvents = {
  components: { Icon },
  props: { name: String, range: Object, alerts: Array },
  setup(props) {
    const found = shallowRef(null);
    const problem = ref("");
    const all = ref(false);
    // A day at least: what happened last night matters however far the charts reach.
    const last = computed(() => (props.range.ms < 86_400_000 ? "1d" : props.range.key));
    const load = async () => {
      const asked = [props.name, last.value].join();
      try {
        const answer = await getJson(withQuery("/api/server/events", { name: props.name, last: last.value }));
        if (asked !== [props.name, last.value].join()) return;
        found.value = answer;
        problem.value = "";
      } catch (error) {
        problem.value = error.message;
      }
    };
    onMounted(load);
    // Something happened to an alert when its place in the snapshot has changed.
    watch(() => [props.name, last.value, JSON.stringify(props.alerts)].join(), load);
    const events = computed(() => {
      const rows = found.value?.events ?? [];
      return (all.value ? rows : rows.slice(0, FIRST)).map((event, i) => ({
        ...event,
        key: `${event.at_ms} ${event.alert_id} ${i}`,
        shown: LEVELS[event.level],
        about: event.subject === "unspecified" ? "" : about(event),
      }));
    });
    const save = () =>
      downloadCsv(
        `argus-${props.name}-alerts.csv`,
        CSV,
        found.value.events.map((event) => [
          new Date(event.at_ms).toISOString(),
          ...CSV.slice(1).map((key) => (key === "level" ? LEVELS[event.level].key : event[key])),
        ]),
      );
    const rangeLabel = computed(() =>
      last.value === "1d" ? "the last day" : `the last ${props.range.label.replace("1 ", "")}`,
    );
    return { FIRST, all, chance, events, found, moment, problem, rangeLabel, save, utc };
  },
  template: `
    <section aria-label="Alert history" data-test="server-events">
      <div class="a-section-head"><h2>Alert history <span class="a-muted">{{ rangeLabel }}</span></h2>
        <button v-if="events.length" class="a-button" @click="save"><Icon name="download" :size="14" />CSV</button></div>
      <p v-if="problem" class="a-level-warning" role="alert">{{ problem }}</p>
      <p v-else-if="!found" class="a-muted">Asking …</p>
      <p v-else-if="!events.length" class="a-muted">No alert of this server did anything in {{ rangeLabel }}.</p>
      <div v-else class="a-table">
        <div v-for="event in events" :key="event.key" class="a-server-event" data-test="event">
          <time :title="utc(event.at_ms)">{{ moment(event.at_ms) }}</time>
          <strong>{{ event.event.replaceAll("_", " ") }}</strong>
          <span class="a-server-event-about"><span class="a-chip" :class="'a-level-' + event.shown.key"><Icon :name="event.shown.icon" :size="13" />{{ event.about || event.shown.label }}</span></span>
          <span class="a-server-event-detail">{{ event.detail }}<template v-if="event.author"> — {{ event.author }}</template></span>
          <span class="a-muted a-server-event-chance">{{ event.probability === null ? "" : chance(event.probability) }}</span>
        </div>
        <button v-if="!all && found.events.length > FIRST" class="a-link a-more" @click="all = true">{{ found.events.length - FIRST }} earlier events</button>
        <p v-else-if="found.total > found.events.length" class="a-muted a-more">{{ found.total - found.events.length }} earlier ones are not listed; pick a shorter range.</p>
      </div>
    </section>`,
};
