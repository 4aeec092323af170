import { Acknowledge } from "argus/acknowledge.js";
import { about, act, active, acts, refreshResolved, resolved, whenFull } from "argus/alerts.js";
import { getJson, withQuery } from "argus/api.js";
import { author, isKnown } from "argus/author.js";
import { vDialog } from "argus/dialog.js";
import { link } from "argus/feed.js";
import { chance, moment, number, utc } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { LEVELS } from "argus/levels.js";
import { eventLook } from "argus/lifecycle.js";
import { href, route, serverPath, stepBack } from "argus/navigation.js";
import { SilenceForm } from "argus/silence_form.js";
import { crossingMoment, crossingOfAlert, leftWords } from "argus/time_left.js";
import { computed, ref, shallowRef, watch } from "vue";

const WEEK_MS = 7 * 86_400_000;

export default {
  components: { Acknowledge, Icon, SilenceForm },
  directives: { dialog: vDialog },
  setup() {
    const id = computed(() => route.query.alert ?? "");
    const alert = computed(() =>
      [...(active.value ?? []), ...(resolved.value ?? [])].find((one) => one.id === id.value),
    );
    const known = computed(() => active.value !== null && resolved.value !== null);
    const silencing = ref(false);
    const note = ref("");
    const busy = ref(false);
    const recorded = shallowRef(null);

    const close = () => stepBack("alert");
    const crossing = computed(() => (alert.value ? crossingOfAlert(alert.value) : null));

    // Without a history the record itself tells the milestones; its notes stand there in either case.
    const told = computed(() => {
      const one = alert.value;
      if (!one) return [];
      const found = [
        { at_ms: one.started_at, event: "pending", detail: one.fired_at ? "" : one.cause },
        { at_ms: one.fired_at, event: "fired", detail: one.cause },
        { at_ms: one.acknowledged_at, event: "acknowledged", author: one.acknowledged_by },
        ...one.notes.map((written) => ({
          at_ms: written.at,
          event: "note_added",
          author: written.author,
          detail: written.text,
        })),
        { at_ms: one.resolved_at, event: "resolved", detail: one.resolution },
      ];
      return found.filter(({ at_ms }) => at_ms).sort((a, b) => a.at_ms - b.at_ms);
    });
    const timeline = computed(() => {
      const events = recorded.value?.length ? recorded.value : told.value;
      return events.map((event) => ({ ...event, ...eventLook(event.event) })).reverse();
    });

    const read = async () => {
      const one = alert.value;
      if (!one || !link.services.includes("History")) return void (recorded.value = null);
      const since = one.started_at - (one.fired_count > 1 ? WEEK_MS : 60_000);
      try {
        const { events } = await getJson(withQuery("/api/alerts/events", { id: one.id, server: one.server, since }));
        if (id.value === one.id) recorded.value = events;
      } catch {
        recorded.value = null;
      }
    };
    watch([() => alert.value && JSON.stringify([alert.value, acts.value]), () => link.services.length], read, {
      immediate: true,
    });
    watch(
      id,
      () => {
        silencing.value = false;
        note.value = "";
        recorded.value = null;
      },
      { immediate: true },
    );
    const addNote = async () => {
      busy.value = true;
      if (await act("/api/alerts/note", { alert_id: id.value, text: note.value }, "Note added")) {
        note.value = "";
        if (alert.value?.state === "resolved") refreshResolved();
      }
      busy.value = false;
    };
    return {
      LEVELS,
      about,
      addNote,
      alert,
      author,
      busy,
      chance,
      close,
      crossing,
      crossingMoment,
      href,
      id,
      isKnown,
      known,
      leftWords,
      moment,
      note,
      number,
      serverPath,
      silencing,
      timeline,
      utc,
      whenFull,
    };
  },
  template: `
    <div v-if="id" class="a-overlay a-drawer-back" @click.self="close()">
      <aside v-dialog="{ close }" class="a-drawer" role="dialog" aria-modal="true" aria-label="Alert" data-test="drawer">
        <button class="a-button-icon a-drawer-close" aria-label="Close" data-test="close" @click="close()"><Icon name="close" /></button>
        <template v-if="alert">
          <header>
            <span class="a-chip" :class="'a-level-' + LEVELS[alert.level].key"><Icon :name="LEVELS[alert.level].icon" :size="13" />{{ LEVELS[alert.level].label }}</span>
            <span class="a-muted">{{ alert.state }}</span>
            <span v-if="alert.silence_id || alert.window_id" class="a-muted"><Icon name="bell_off" :size="14" /> {{ alert.silence_id ? "silenced" : "in maintenance" }}</span>
          </header>
          <h2><a class="a-drawer-server" :href="href(serverPath(alert.server))">{{ alert.server }}</a></h2>
          <p><b>{{ about(alert) }}</b> <span class="a-muted">{{ alert.profile }}</span></p>
          <p class="a-cause">{{ alert.cause }}</p>
          <dl class="a-alert-facts">
            <div v-if="crossing"><dt>Crosses</dt><dd :title="crossingMoment(crossing)">{{ leftWords(crossing) }}</dd></div>
            <div v-if="alert.probability !== null && alert.subject !== 'silence'"><dt>Probability</dt><dd>{{ chance(alert.probability) }}</dd></div>
            <div><dt>Risk of this alone</dt><dd>{{ number(alert.risk) }}</dd></div>
            <div><dt>Fired</dt><dd>{{ alert.fired_count === 0 ? "not yet" : alert.fired_count === 1 ? "once" : alert.fired_count + " times" }}</dd></div>
            <div v-if="alert.acknowledged_by"><dt>On it</dt><dd :title="'Since ' + whenFull(alert.acknowledged_at)">{{ alert.acknowledged_by }}</dd></div>
            <div v-if="alert.resolution"><dt>Resolved</dt><dd :title="whenFull(alert.resolved_at)">{{ alert.resolution }}</dd></div>
          </dl>
          <div v-if="alert.state !== 'resolved'" class="a-actions a-drawer-acts">
            <Acknowledge :key="alert.id" :ids="[alert.id]" :label="alert.acknowledged_by ? 'Take over' : 'Ack'" :what="alert.server + ', ' + about(alert)" />
            <button class="a-button" :aria-expanded="silencing" data-test="silence" @click="silencing = !silencing"><Icon name="bell_off" :size="14" />Silence</button>
          </div>
          <SilenceForm v-if="silencing" :key="alert.id" :alert="alert" @done="silencing = false" />
          <form class="a-note-form" @submit.prevent="addNote()">
            <input v-model="note" maxlength="4096" placeholder="Write a note" aria-label="Note" data-test="note">
            <input v-if="!isKnown && note" v-model="author" maxlength="128" required placeholder="Your name" aria-label="Your name" class="a-note-name">
            <button class="a-button" :disabled="busy || !note.trim()" data-test="add-note">Add</button>
          </form>
          <h3>What happened</h3>
          <ol class="a-timeline" data-test="timeline">
            <li v-for="(event, i) in timeline" :key="i">
              <span :class="event.tone"><Icon :name="event.icon" :size="15" /></span>
              <div><b>{{ event.label }}<template v-if="event.event === 'level_changed'"> to {{ event.level }}</template></b><span v-if="event.author"> by {{ event.author }}</span>
                <time class="a-muted" :title="utc(event.at_ms)">{{ moment(event.at_ms) }}</time>
                <p v-if="event.detail">{{ event.detail }}</p></div>
            </li>
          </ol>
        </template>
        <div v-else class="a-empty"><template v-if="known"><h2>No such alert</h2><p>A pending alert whose condition went away leaves no trace; a resolved one is kept for a while.</p></template>
          <p v-else class="a-loading">Reading alerts</p></div>
      </aside>
    </div>`,
};
