// How long until a threshold is crossed: the one place that counts it, for every view.

import { now } from "argus/clock.js";
import { fleet, receivedAt } from "argus/feed.js";
import { minutes, moment, utc } from "argus/format.js";
import { computed } from "vue";

const MINUTE_MS = 60_000;
// Ticks move the fleet's clock. Where none has come for this long it goes on in steps of that, so that what is left does
// not stand still behind a lost connection.
const QUIET_MS = 30_000;
// What is near is not yet crossed.
const LEAST = 0.01;

/** The fleet's clock, Unix milliseconds; it may replay the past. */
export const fleetClock = computed(() => {
  if (!fleet.value) return now.value;
  const quiet = Math.max(0, now.value - receivedAt.value);
  return fleet.value.clock_ms + QUIET_MS * Math.floor(quiet / QUIET_MS);
});

/** A crossing that lies `left` minutes after `from_ms`: `{ at_ms, crossed }`. Only 0 minutes mean that it has happened. */
const crossingOf = (left, from_ms) => ({ at_ms: from_ms + MINUTE_MS * left, crossed: left === 0 });

/** The first breach of server `i` of a fleet, `{ at_ms, crossed, metric, threshold, probability }`, or null. */
export function breachOf({ servers, metrics, clock_ms }, i) {
  if (!servers.breach[i]) return null;
  const [left, metric, threshold, probability] = servers.breach[i];
  return { ...crossingOf(left, clock_ms), metric: metrics[metric], threshold, probability };
}

/** The crossing that an alert is about, or null where none is expected. */
export const crossingOfAlert = (alert) =>
  alert.state === "resolved" || alert.subject === "silence" || alert.minutes === null
    ? null
    : crossingOf(alert.minutes, alert.updated_at);

/** Minutes until a crossing, by the fleet's clock: 0 for what is crossed and for nothing else, null for none. */
export function minutesLeft(crossing) {
  if (!crossing) return null;
  return crossing.crossed ? 0 : Math.max(LEAST, (crossing.at_ms - fleetClock.value) / MINUTE_MS);
}

/** The same for a cell of a file: to a hundredth, which is the least of what is not crossed. */
export const leftCell = (crossing) => (crossing ? Math.round(100 * minutesLeft(crossing)) / 100 : null);

/** The same in words: "now", "< 1 min", "42 min". */
export function leftText(crossing) {
  const left = minutesLeft(crossing);
  return left === 0 ? "now" : minutes(left);
}

/** The same in a sentence: "now", "< 1 min", "in 42 min". */
export const leftWords = (crossing) => (minutesLeft(crossing) >= 1 ? `in ${leftText(crossing)}` : leftText(crossing));

/** When that is, for hovering. */
export const crossingMoment = ({ at_ms, crossed }) =>
  crossed ? "Crossed already" : `${moment(at_ms)} (${utc(at_ms)})`;
