import { act, acts, when, whenFull } from "argus/alerts.js";
import { getJson } from "argus/api.js";
import { author, isKnown } from "argus/author.js";
import { downloadCsv, isoTime } from "argus/csv.js";
import { Icon } from "argus/icons.js";
import { describe, MatcherFields, matcherCells, patterns } from "argus/matcher.js";
import { route } from "argus/navigation.js";
import { complain } from "argus/toasts.js";
import { computed, reactive, ref, shallowRef, watch } from "vue";

const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const short = (day) => day[0].toUpperCase() + day.slice(1, 3);
const DAY_MS = 86_400_000;

const empty = () => ({
  window_id: "",
  days: DAYS.slice(0, 5),
  start_time: "02:00",
  hours: 1,
  time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC",
  expires: "",
  comment: "",
  servers: "",
  metrics: [],
  subjects: [],
});

const CSV = [
  "window_id",
  "servers",
  "metrics",
  "subjects",
  "days",
  "start_time",
  "time_zone",
  "duration_seconds",
  "next_start",
  "expires_at",
  "active",
  "author",
  "comment",
];

export default {
  components: { Icon, MatcherFields },
  setup() {
    const shown = computed(() => route.query.show === "windows");
    const held = shallowRef(null);
    const problem = ref("");
    const editing = ref(false);
    const asked = ref("");
    const busy = ref(false);
    const model = reactive(empty());
    const zones = Intl.supportedValuesOf?.("timeZone") ?? [];
    watch(
      [shown, acts],
      async () => {
        if (!shown.value) return;
        try {
          held.value = (await getJson("/api/windows")).windows;
          problem.value = "";
        } catch (error) {
          problem.value = error.message;
        }
      },
      { immediate: true },
    );
    const rows = computed(() => held.value?.map((one) => ({ ...one, words: describe(one.matcher) })));
    const days = (one) =>
      one.days.length === 7
        ? "Every day"
        : DAYS.filter((day) => one.days.includes(day))
            .map(short)
            .join(", ");
    const hours = (one) => `${Math.round(one.duration_seconds / 36) / 100} h`;
    const edit = (one) => {
      Object.assign(model, empty());
      if (one) {
        const { window_id, start_time, time_zone, comment, matcher } = one;
        Object.assign(model, {
          window_id,
          start_time,
          time_zone,
          comment,
          days: [...one.days],
          hours: one.duration_seconds / 3600,
          expires: one.expires_at_ms ? new Date(one.expires_at_ms).toISOString().slice(0, 10) : "",
          servers: matcher.servers.join(", ") || "*",
          metrics: [...matcher.metrics],
          subjects: [...matcher.subjects],
        });
      }
      editing.value = true;
    };
    const toggle = (day) =>
      (model.days = model.days.includes(day) ? model.days.filter((other) => other !== day) : [...model.days, day]);
    const put = async () => {
      if (!model.days.length) return complain("Choose at least one day.");
      busy.value = true;
      const { window_id, days, start_time, time_zone, comment, metrics, subjects } = model;
      const body = {
        window_id,
        days,
        start_time,
        time_zone,
        comment,
        metrics,
        subjects,
        servers: patterns(model.servers),
        seconds: model.hours * 3600,
        // The last day counts to its end.
        expires_at_ms: model.expires ? Date.parse(model.expires) + DAY_MS : 0,
      };
      if (await act("/api/windows", body, window_id ? "The window is changed" : "The window is set"))
        editing.value = false;
      busy.value = false;
    };
    const remove = async (one) => {
      if (asked.value !== one.window_id) return void (asked.value = one.window_id);
      await act("/api/windows/delete", { window_id: one.window_id }, "The window is removed");
      asked.value = "";
    };
    const save = () =>
      downloadCsv(
        "argus-maintenance.csv",
        CSV,
        rows.value.map((one) => [
          one.window_id,
          ...matcherCells(one.matcher),
          one.days.join(" "),
          one.start_time,
          one.time_zone,
          one.duration_seconds,
          isoTime(one.next_start_ms),
          isoTime(one.expires_at_ms),
          String(one.active),
          one.author,
          one.comment,
        ]),
      );
    return {
      DAYS,
      asked,
      author,
      busy,
      days,
      edit,
      editing,
      hours,
      isKnown,
      model,
      problem,
      put,
      remove,
      rows,
      save,
      short,
      shown,
      toggle,
      when,
      whenFull,
      zones,
    };
  },
  template: `
    <section v-if="shown" class="a-quiet" aria-label="Maintenance windows">
      <div v-if="!editing" class="a-quiet-head"><button class="a-button primary" data-test="new-window" @click="edit(null)"><Icon name="history" :size="14" />New window</button>
        <button class="a-button a-push" title="These rows as CSV" :disabled="!rows?.length" data-test="quiet-csv" @click="save()"><Icon name="download" :size="15" />CSV</button></div>
      <form v-else class="a-panel a-form" data-test="window-form" @submit.prevent="put()">
        <div class="a-field" role="group" aria-label="Days"><span>On</span><div class="a-choices">
          <button v-for="day in DAYS" :key="day" type="button" class="a-choice" :class="{ active: model.days.includes(day) }" :aria-pressed="model.days.includes(day)" @click="toggle(day)">{{ short(day) }}</button>
        </div></div>
        <div class="a-field"><span>From</span><div class="a-choices">
          <input v-model="model.start_time" type="time" required aria-label="From" data-test="start">
          <span>for</span><input v-model.number="model.hours" type="number" min="0.1" max="168" step="any" required aria-label="Hours" class="a-short" data-test="hours"><span>hours, time of</span>
          <input v-model="model.time_zone" list="argus-zones" aria-label="Time zone" spellcheck="false"><datalist id="argus-zones"><option v-for="zone in zones" :key="zone" :value="zone" /></datalist>
        </div></div>
        <MatcherFields :model="model" />
        <label class="a-field"><span>Why</span><input v-model="model.comment" maxlength="1024" placeholder="Others will read it"></label>
        <label class="a-field"><span>Last day</span><input v-model="model.expires" type="date"><small class="a-muted">Empty for no end.</small></label>
        <label v-if="!isKnown" class="a-field"><span>You are</span><input v-model="author" maxlength="128" required placeholder="Your name" data-test="author"></label>
        <div class="a-form-foot"><button class="a-button primary" :disabled="busy" data-test="put-window">{{ model.window_id ? "Change" : "Set" }}</button>
          <button type="button" class="a-button" @click="editing = false">Cancel</button></div>
      </form>
      <div v-if="problem" class="a-empty"><h2>Maintenance windows cannot be read</h2><p>{{ problem }}</p></div>
      <p v-else-if="!rows" class="a-loading">Reading windows</p>
      <div v-else-if="!rows.length && !editing" class="a-empty" data-test="no-windows"><h2>No maintenance window</h2><p>A window keeps alerts quiet on certain days at a certain time, week after week: nightly backups, say.</p></div>
      <template v-else>
        <article v-for="one in rows" :key="one.window_id" class="a-quiet-row" data-test="window-row">
          <div class="a-quiet-what"><b>{{ one.words.servers }}</b><span>{{ one.words.what }}</span><p v-if="one.comment" class="a-cause">{{ one.comment }}</p></div>
          <div class="a-quiet-when"><b>{{ days(one) }} {{ one.start_time }}, {{ hours(one) }}</b><small class="a-muted">{{ one.time_zone }}</small>
            <small class="a-muted"><template v-if="one.active">now</template><span v-else-if="one.next_start_ms" :title="whenFull(one.next_start_ms)">next {{ when(one.next_start_ms, 0) }}</span><template v-else>never again</template>, by {{ one.author }}</small></div>
          <div class="a-quiet-acts"><button class="a-button" data-test="edit-window" @click="edit(one)">Edit</button>
            <button class="a-button" :class="{ primary: asked === one.window_id }" data-test="delete-window" @click="remove(one)">{{ asked === one.window_id ? "Yes, remove it" : "Remove" }}</button></div>
        </article>
      </template>
    </section>`,
};
