import { act, acts, when, whenFull } from "argus/alerts.js";
import { getJson } from "argus/api.js";
import { now } from "argus/clock.js";
import { downloadCsv, isoTime } from "argus/csv.js";
import { age } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { describe, matcherCells } from "argus/matcher.js";
import { route, setQuery } from "argus/navigation.js";
import { SilenceForm } from "argus/silence_form.js";
import { fleetClock } from "argus/time_left.js";
import { computed, ref, shallowRef, watch } from "vue";

const CSV = ["silence_id", "servers", "metrics", "subjects", "starts_at", "ends_at", "active", "author", "comment"];

export default {
  components: { Icon, SilenceForm },
  setup() {
    const shown = computed(() => route.query.show === "silences");
    const expired = computed(() => route.query.expired === "1");
    const held = shallowRef(null);
    const problem = ref("");
    const making = ref(false);
    const asked = ref("");
    const at = fleetClock;
    // What changes here without anybody's doing are beginnings and ends.
    const minute = computed(() => Math.floor(now.value / 30_000));
    watch(
      [shown, expired, acts, minute],
      async () => {
        if (!shown.value) return;
        try {
          held.value = (await getJson(`/api/silences${expired.value ? "?expired=1" : ""}`)).silences;
          problem.value = "";
        } catch (error) {
          problem.value = error.message;
        }
      },
      { immediate: true },
    );
    const isOver = (one) => !one.active && one.ends_at_ms <= at.value;
    const rows = computed(() =>
      held.value?.map((one) => ({ ...one, words: describe(one.matcher), over: isOver(one) })),
    );
    const ends = (one) => {
      if (one.over) return "over";
      return one.active
        ? `${age((one.ends_at_ms - at.value) / 1000)} left`
        : `begins ${when(one.starts_at_ms, at.value)}`;
    };
    const expire = async (one) => {
      if (asked.value !== one.silence_id) return void (asked.value = one.silence_id);
      await act("/api/silences/expire", { silence_id: one.silence_id }, "The silence is over");
      asked.value = "";
    };
    const save = () =>
      downloadCsv(
        "argus-silences.csv",
        CSV,
        rows.value.map((one) => [
          one.silence_id,
          ...matcherCells(one.matcher),
          isoTime(one.starts_at_ms),
          isoTime(one.ends_at_ms),
          String(one.active),
          one.author,
          one.comment,
        ]),
      );
    return { asked, at, ends, expire, expired, making, problem, rows, save, setQuery, shown, when, whenFull };
  },
  template: `
    <section v-if="shown" class="a-quiet" aria-label="Silences">
      <div class="a-quiet-head">
        <button v-if="!making" class="a-button primary" data-test="new-silence" @click="making = true"><Icon name="bell_off" :size="14" />New silence</button>
        <label class="a-check"><input type="checkbox" :checked="expired" @change="setQuery({ expired: $event.target.checked ? '1' : null })"> Also those that are over</label>
        <button class="a-button a-push" title="These rows as CSV" :disabled="!rows?.length" data-test="quiet-csv" @click="save()"><Icon name="download" :size="15" />CSV</button>
      </div>
      <div v-if="making" class="a-panel"><SilenceForm :alert="null" @done="making = false" /></div>
      <div v-if="problem" class="a-empty"><h2>Silences cannot be read</h2><p>{{ problem }}</p></div>
      <p v-else-if="!rows" class="a-loading">Reading silences</p>
      <div v-else-if="!rows.length" class="a-empty" data-test="no-silences"><h2>No silence</h2><p>A silence keeps alerts quiet for a while, during a migration say. They live on and are shown here; nobody is notified.</p></div>
      <article v-for="one in rows ?? []" v-else :key="one.silence_id" class="a-quiet-row" :class="{ over: one.over }" data-test="silence-row">
        <div class="a-quiet-what"><b>{{ one.words.servers }}</b><span>{{ one.words.what }}</span><p v-if="one.comment" class="a-cause">{{ one.comment }}</p></div>
        <div class="a-quiet-when"><b>{{ ends(one) }}</b><small class="a-muted" :title="whenFull(one.starts_at_ms) + ' to ' + whenFull(one.ends_at_ms)">{{ when(one.starts_at_ms, at) }} – {{ when(one.ends_at_ms, at) }}</small>
          <small class="a-muted">by {{ one.author }}</small></div>
        <button v-if="!one.over" class="a-button" :class="{ primary: asked === one.silence_id }" data-test="expire" @click="expire(one)">{{ asked === one.silence_id ? "Yes, end it now" : "End" }}</button>
      </article>
    </section>`,
};
