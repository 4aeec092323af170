import { about, when, whenFull } from "argus/alerts.js";
import { downloadCsv } from "argus/csv.js";
import { Icon } from "argus/icons.js";
import { onKey } from "argus/keys.js";
import { LEVELS } from "argus/levels.js";
import { EVENTS, eventLook } from "argus/lifecycle.js";
import { href, route, serverPath, setQuery } from "argus/navigation.js";
import { isRecording, usePast, useRange } from "argus/past.js";
import { Waiting } from "argus/waiting.js";
import { computed, onBeforeUnmount, ref } from "vue";

const STEP = 40;
const CSV = [
  "at_ms",
  "event",
  "alert_id",
  "server_name",
  "subject",
  "metric",
  "level",
  "probability",
  "author",
  "detail",
];

export default {
  components: { Icon, Waiting },
  props: { ranges: Object },
  setup(props) {
    const range = useRange(props.ranges);
    const answer = usePast(() => `/api/history/events?range=${range.value}`, props.ranges, range);
    const kind = computed(() => route.query.event ?? "");
    const search = computed(() => route.query.q ?? "");
    const most = ref(STEP);
    const listed = computed(() => {
      const wanted = search.value.trim().toLowerCase();
      return (answer.data.value?.events ?? []).filter(
        (event) =>
          (!kind.value || event.event === kind.value) &&
          (!wanted || `${event.server_name}\n${event.author}\n${event.detail}`.toLowerCase().includes(wanted)),
      );
    });
    const rows = computed(() =>
      listed.value.slice(0, most.value).map((event) => ({
        ...event,
        ...eventLook(event.event),
        level: LEVELS.find(({ key }) => key === event.level),
        what: event.alert_id ? about(event) : "",
      })),
    );
    const save = () =>
      downloadCsv(
        `argus-events-${range.value}.csv`,
        ["time", ...CSV.slice(1)],
        listed.value.map((event) =>
          CSV.map((key) => (key === "at_ms" ? new Date(event.at_ms).toISOString() : event[key])),
        ),
      );
    const box = ref(null);
    const unbind = onKey("/", () => box.value?.focus());
    onBeforeUnmount(() => unbind());
    return {
      EVENTS,
      STEP,
      answer,
      box,
      href,
      isRecording,
      kind,
      listed,
      most,
      rows,
      save,
      search,
      serverPath,
      setQuery,
      when,
      whenFull,
    };
  },
  template: `
    <section v-if="isRecording" class="a-panel a-past-events" aria-label="Events" data-test="events">
      <header class="a-panel-head"><h2>Events</h2>
        <label class="a-search"><Icon name="search" :size="15" /><input ref="box" type="search" :value="search" placeholder="Server, person, text" aria-label="Search events" spellcheck="false" @input="setQuery({ q: $event.target.value })"></label>
        <select :value="kind" aria-label="Kind of event" data-test="event-kind" @change="setQuery({ event: $event.target.value })"><option value="">All events</option><option v-for="one in EVENTS" :key="one.key" :value="one.key">{{ one.label }}</option></select>
        <button class="a-button a-push" title="These rows as CSV" :disabled="!listed.length" @click="save()"><Icon name="download" :size="15" />CSV</button>
      </header>
      <Waiting :answer="answer" what="Events" />
      <div v-if="answer.data.value && !listed.length" class="a-empty"><template v-if="kind || search"><h2>No event matches</h2><p><button class="a-link" @click="setQuery({ event: null, q: null })">Clear the filters</button></p></template>
        <template v-else><h2>Nothing happened in this range</h2><p>No alert came or went. Quiet is good.</p></template></div>
      <template v-else-if="listed.length">
        <div v-for="(event, i) in rows" :key="i" class="a-past-event" data-test="event">
          <time class="a-muted" :title="whenFull(event.at_ms)">{{ when(event.at_ms) }}</time>
          <span class="a-past-event-kind" :class="event.tone"><Icon :name="event.icon" :size="15" />{{ event.label }}</span>
          <span class="a-past-event-level"><span v-if="event.level && event.alert_id" class="a-chip" :class="'a-level-' + event.level.key"><Icon :name="event.level.icon" :size="13" />{{ event.level.label }}</span></span>
          <span class="a-past-event-who"><a v-if="event.server_name" class="a-name" :href="href(serverPath(event.server_name))" :title="event.server_name">{{ event.server_name }}</a><small class="a-muted">{{ event.what }}</small></span>
          <span class="a-past-event-detail"><b v-if="event.author">{{ event.author }}<template v-if="event.detail">: </template></b>{{ event.detail }}</span>
        </div>
        <button v-if="listed.length > rows.length" class="a-link a-more" @click="most += STEP">{{ listed.length - rows.length }} more</button>
        <p v-if="answer.data.value.total > answer.data.value.events.length" class="a-muted">The newest {{ answer.data.value.events.length }} of {{ answer.data.value.total }}; an export of the table alert_events has them all.</p>
      </template>
    </section>`,
};
