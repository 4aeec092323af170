// Alerts as the browser knows them, and what people do about them. One copy per page.

import { getJson, postJson } from "argus/api.js";
import { author, rememberAuthor } from "argus/author.js";
import { documents, link } from "argus/feed.js";
import { clock, metricLabel, moment, NONE, utc } from "argus/format.js";
import { complain, say } from "argus/toasts.js";
import { onBeforeUnmount, ref, shallowRef, watch } from "vue";

/** Pending and firing alerts, most urgent first; null before the first answer. */
export const active = shallowRef(null);
/** Resolved ones, newest first; null while nobody has asked. */
export const resolved = shallowRef(null);
/** Why there are none; empty when there is no reason. */
export const problem = ref("");
/** Grows with what is done here, so that lists of silences and windows are fetched again. */
export const acts = ref(0);

const isMuted = (alert) => Boolean(alert.silence_id || alert.window_id);

/** Where an alert can be in its life, and in which list it stands. */
export const SHOWS = [
  {
    key: "firing",
    label: "Firing",
    icon: "alerts",
    title: "Firing, nobody is on it",
    empty: "No unacknowledged alerts.",
    has: (a) => a.state === "firing" && !a.acknowledged_by && !isMuted(a),
  },
  {
    key: "pending",
    label: "Pending",
    icon: "clock",
    title: "Its condition holds, but not for long enough to fire",
    empty: "No pending alerts.",
    has: (a) => a.state === "pending" && !a.acknowledged_by && !isMuted(a),
  },
  {
    key: "acknowledged",
    label: "Acknowledged",
    icon: "user_check",
    title: "Somebody is on it",
    empty: "No acknowledged alerts.",
    has: (a) => a.acknowledged_by && a.state !== "resolved",
  },
  {
    key: "muted",
    label: "Muted",
    icon: "bell_off",
    title: "Kept quiet by a silence or a maintenance window",
    empty: "No muted alerts.",
    has: (a) => isMuted(a) && a.state !== "resolved",
  },
  {
    key: "resolved",
    label: "Resolved",
    icon: "check",
    title: "Over",
    empty: "No resolved alerts yet.",
    has: (a) => a.state === "resolved",
  },
];

/** Keeps the lists up to date while a component is shown. */
export function followAlerts(wantsResolved) {
  const stops = [
    watch([() => documents.alerts, () => link.state], refresh, { immediate: true }),
    watch([active, wantsResolved], () => wantsResolved.value && refreshResolved(), { immediate: true }),
  ];
  document.addEventListener("visibilitychange", refresh);
  onBeforeUnmount(() => {
    stops.forEach((stop) => stop());
    document.removeEventListener("visibilitychange", refresh);
  });
}

let fetching = false;
let again = false;

async function refresh() {
  if (document.hidden) return;
  again = true;
  if (fetching) return;
  fetching = true;
  while (again) {
    again = false;
    try {
      active.value = (await getJson("/api/alerts")).alerts;
      problem.value = "";
    } catch (error) {
      problem.value = error.message;
    }
  }
  fetching = false;
}

export async function refreshResolved() {
  try {
    resolved.value = (await getJson("/api/alerts/resolved")).alerts;
  } catch (error) {
    problem.value = error.message;
  }
}

/**
 * Does something that others will see; says `done` when it is, beside `undo(answer)` where there is one: `{ label, handler }`.
 * Says the `problem` of the answer instead when only a part of it is. Returns whether all of it is done.
 */
export async function act(path, body, done, undo = () => null) {
  if (!author.value.trim()) {
    complain("Say who you are first: others will see it.");
    return false;
  }
  try {
    const answer = await postJson(path, { author: author.value.trim(), ...body });
    rememberAuthor();
    if (answer.problem) complain(answer.problem);
    else say(done, undo(answer));
    return !answer.problem;
  } catch (error) {
    const unsure = error.status ? "" : " It may have been done: look.";
    complain(error.notDone ? `Not done. ${error.message}` : error.message + unsure);
    return false;
  } finally {
    // What is not answered may be done all the same.
    acts.value += 1;
    refresh();
  }
}

/** Says for all to see that somebody is on these alerts; `what` names them. */
export const acknowledge = (ids, what) => act("/api/alerts/acknowledge", { alert_ids: ids }, `You are on it: ${what}`);

/** Silences; whoever did not mean it takes it back while it is said that it is done. */
export const silence = (path, body, what) =>
  act(path, body, `Silenced: ${what}`, ({ silence_id }) => ({
    label: "Undo",
    handler: () => act("/api/silences/expire", { silence_id }, `No longer silenced: ${what}`),
  }));

/** What alerts can be about other than a metric. */
export const SUBJECTS = { risk: "Risk as a whole", silence: "Stopped sending" };

/** What an alert is about, for people. */
export const about = ({ subject, metric }) => (metric ? metricLabel(metric) : (SUBJECTS[subject] ?? "Something"));

/** Since when it is what it is. */
export const since = (alert) => alert.resolved_at || alert.fired_at || alert.started_at;

const DAY_MS = 86_400_000;
let days = null;
const dayAndTime = (ms) => {
  days ??= new Intl.DateTimeFormat(undefined, {
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  return days.format(ms);
};

/** A time as short as it can be told apart from now. */
export const when = (ms, now = Date.now()) =>
  !ms ? NONE : Math.abs(now - ms) < DAY_MS / 2 ? clock(ms) : dayAndTime(ms);

/** The same in full, for hovering. */
export const whenFull = (ms) => (ms ? `${moment(ms)} (${utc(ms)})` : null);
