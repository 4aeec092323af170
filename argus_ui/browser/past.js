// Questions about the past: of the range in the URL, asked again while somebody looks, patient with long ones.
import { computed, onBeforeUnmount, ref, shallowRef, watch } from "vue";
import { getJson } from "argus/api.js";
import { link } from "argus/feed.js";
import { held, hold } from "argus/held.js";
import { route } from "argus/navigation.js";

const USUAL = "1d";
const PATIENCE = 30;
const SLOW_MS = 2500;
const TOOK_TOO_LONG = 504;

export const RANGE_LABELS = { "30m": "30 min", "1h": "1 h", "3h": "3 h", "8h": "8 h", "1d": "1 day", "1w": "1 week", "1M": "1 month" };

/** The range of this view, of those there are. */
export const useRange = (ranges) => computed(() => (route.query.range in ranges ? route.query.range : USUAL));

/** An answer that is kept up to date. `path` gives where it is, or null for nothing to ask; `every` seconds between two. */
export function useAnswer(path, every) {
  const data = shallowRef(null);
  const problem = ref("");
  const loading = ref(false);
  const slow = ref(false);
  let asking = null;
  let timer = null;

  const load = async () => {
    clearTimeout(timer);
    asking?.abort();
    const wanted = path();
    if (!wanted) return;
    const mine = (asking = new AbortController());
    loading.value = true;
    const patience = setTimeout(() => (slow.value = true), SLOW_MS);
    for (let left = PATIENCE; ; left--) {
      try {
        const found = await getJson(wanted, { signal: mine.signal });
        if (mine.signal.aborted) break;
        data.value = found;
        hold(wanted, found);
        problem.value = "";
      } catch (error) {
        if (mine.signal.aborted) break;
        // The server goes on reading where its time was up.
        if (error.status === TOOK_TOO_LONG && left) continue;
        problem.value = error.message;
      }
      break;
    }
    clearTimeout(patience);
    if (asking !== mine) return;
    loading.value = slow.value = false;
    timer = setTimeout(() => (document.hidden ? (timer = null) : load()), 1000 * every());
  };
  const look = () => timer === null && !document.hidden && load();
  document.addEventListener("visibilitychange", look);
  const stop = watch(path, (wanted) => {
    data.value = wanted ? held(wanted) : null;
    load();
  }, { immediate: true });
  // What could not be answered is asked again as soon as the server is back.
  const stopWaiting = watch(() => link.state, (state) => state === "live" && problem.value && load());
  onBeforeUnmount(() => {
    stop();
    stopWaiting();
    clearTimeout(timer);
    asking?.abort();
    asking = null;
    document.removeEventListener("visibilitychange", look);
  });
  return { data, loading, problem, slow };
}

/** What stands where an answer is not yet, or never. */
export const Waiting = {
  props: { answer: Object, what: String },
  template: `
    <div class="a-waiting" role="status">
      <template v-if="answer.problem.value"><b>{{ what }} cannot be read</b><span>{{ answer.problem.value }}</span></template>
      <span v-else-if="answer.slow.value" class="a-loading">Reading; a long range takes a while the first time</span>
      <span v-else class="a-loading">Reading</span>
    </div>`,
};

/** Has any of these numbers been recorded? */
export const isRecorded = (values) => values.some((value) => value !== null);
