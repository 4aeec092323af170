// Answers of the dashboard's routes, kept up to date while somebody looks at them. Nothing else asks twice.

import { getJson } from "argus/api.js";
import { link } from "argus/feed.js";
import { held, hold } from "argus/held.js";
import { computed, onBeforeUnmount, ref, shallowRef, watch } from "vue";

const LEAST_SECONDS = 1;
const MOST_SECONDS = 3600;
const SLOW_MS = 2500;
const PAUSE_MS = 1000;
const TOOK_TOO_LONG = 504;

/** Milliseconds between two questions, whatever was asked for: not a number is no reason to ask without end. */
const gapOf = (seconds) => 1000 * (seconds >= LEAST_SECONDS ? Math.min(seconds, MOST_SECONDS) : LEAST_SECONDS);

/**
 * An answer that is asked for while the component that calls this is shown, and again when it is old, when the tab is
 * looked at again, and when a connection is back. The last one of a route is there at once.
 *
 * @param {() => string | null | false} path Where it is; nothing to ask for where there is none. Watched.
 * @param {object} options
 * @param {() => number} options.every Seconds between two questions.
 * @param {() => unknown} [options.follow] Asked again only when this changes; every so many seconds at most.
 * @param {number} [options.patience] How often a question is put again whose time was up: for what goes on where it was.
 * @returns {{ data: import("vue").ComputedRef, problem: import("vue").ComputedRef<string>, status: import("vue").ComputedRef<number>,
 *   loading: import("vue").Ref<boolean>, slow: import("vue").Ref<boolean>, ask: () => Promise<void> }} `data` is always that
 *   of the present path: null before its first answer, and the last one when a later question fails; `problem` is empty
 *   while all is well, and `status` 0, else what HTTP calls it or 0; `slow` when it takes long; `ask` asks now.
 */
export function useAnswer(path, { every, follow = null, patience = 0 }) {
  const newest = shallowRef({ path: "", found: null, problem: "", status: 0 });
  const data = computed(() => {
    const wanted = path();
    if (!wanted) return null;
    return newest.value.path === wanted && newest.value.found ? newest.value.found : held(wanted);
  });
  const problem = computed(() => (newest.value.path === path() ? newest.value.problem : ""));
  const status = computed(() => (newest.value.path === path() ? newest.value.status : 0));
  const loading = ref(false);
  const slow = ref(false);
  let asking = null;
  let askedAt = 0;
  let timer = 0;
  let isMissed = false;
  let isBehind = false;

  const stopAsking = () => {
    clearTimeout(timer);
    asking?.abort();
    asking = null;
    isMissed = isBehind = loading.value = slow.value = false;
  };
  const ask = async () => {
    stopAsking();
    const wanted = path();
    if (!wanted) return;
    const mine = (asking = new AbortController());
    askedAt = Date.now();
    loading.value = true;
    const dawdling = setTimeout(() => asking === mine && (slow.value = true), SLOW_MS);
    const outcome = await answerOf(wanted, mine.signal, patience);
    clearTimeout(dawdling);
    if (asking !== mine) return;
    asking = null;
    loading.value = slow.value = false;
    if (!outcome.problem) hold(wanted, outcome.found);
    const before = newest.value.path === wanted ? newest.value.found : null;
    newest.value = {
      path: wanted,
      found: outcome.found ?? before,
      problem: outcome.problem,
      status: outcome.status ?? 0,
    };
    if (!follow || isBehind) askLater();
  };
  // A page nobody looks at costs nothing.
  const askIfSeen = () => ((isMissed = document.hidden) ? undefined : ask());
  const askLater = () => {
    clearTimeout(timer);
    timer = setTimeout(askIfSeen, follow ? Math.max(0, askedAt + gapOf(every()) - Date.now()) : gapOf(every()));
  };
  const look = () => isMissed && !document.hidden && ask();

  const stops = [
    // After the render: whoever leaves the view asks for nothing.
    watch(
      path,
      () => {
        stopAsking();
        askIfSeen();
      },
      { immediate: true, flush: "post" },
    ),
    watch(
      () => link.socket && link.state === "live",
      (isBack) => isBack && askIfSeen(),
    ),
  ];
  // A question under way may be older than the news.
  if (follow) stops.push(watch(follow, () => (asking ? (isBehind = true) : askLater())));
  document.addEventListener("visibilitychange", look);
  onBeforeUnmount(() => {
    stops.forEach((stop) => stop());
    stopAsking();
    document.removeEventListener("visibilitychange", look);
  });
  return { data, problem, status, loading, slow, ask };
}

async function answerOf(path, signal, patience) {
  for (let left = patience; ; left--) {
    try {
      return { found: await getJson(path, { signal }), problem: "" };
    } catch (error) {
      if (signal.aborted || error.status !== TOOK_TOO_LONG || left <= 0)
        return { problem: error.message || "No answer.", status: error.status };
    }
    await new Promise((done) => setTimeout(done, PAUSE_MS));
    if (signal.aborted) return { problem: "Nobody waits." };
  }
}
