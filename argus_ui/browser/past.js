// Questions about the past: of the range in the URL, patient with long ones.

import { useAnswer } from "argus/answer.js";
import { link } from "argus/feed.js";
import { Icon } from "argus/icons.js";
import { route, setQuery } from "argus/navigation.js";
import { Waiting } from "argus/waiting.js";
import { computed } from "vue";

const USUAL = "1d";
// The first answer about a long range reads all its samples; when its time is up, the server goes on where it was.
const PATIENCE = 30;

export const RANGE_LABELS = {
  "30m": "30 min",
  "1h": "1 h",
  "3h": "3 h",
  "8h": "8 h",
  "1d": "1 day",
  "1w": "1 week",
  "1M": "30 days",
};

/** Whether the Argus server records a past. */
export const isRecording = computed(() => link.services.includes("History"));

/** The range of this view, of those there are: `{ "1d": 60, ... }`, with the seconds after which to ask again. */
export const useRange = (ranges) =>
  computed(() => (Object.hasOwn(ranges, route.query.range ?? "") ? route.query.range : USUAL));

/** An answer about a range, as `useAnswer` gives it. */
export const usePast = (path, ranges, range) =>
  useAnswer(() => isRecording.value && path(), { every: () => ranges[range.value], patience: PATIENCE });

/** Has any of these numbers been recorded? */
export const isRecorded = (values) => values.some((value) => value !== null);

/** What is shown in place of a past where there is none. */
export const NotRecording = {
  components: { Icon, Waiting },
  setup: () => ({ link }),
  template: `
    <Waiting v-if="!link.services.length" />
    <div v-else class="a-empty" data-test="no-history"><Icon name="history" :size="34" /><h2>Nothing is recorded</h2>
      <p>This Argus server keeps no history. Start it with <code>argus server --data-dir DIR</code>.</p></div>`,
};

/** Choice of the range. */
export const RangeSwitch = {
  props: { ranges: Object },
  setup(props) {
    return { RANGE_LABELS, range: useRange(props.ranges), setQuery };
  },
  template: `
    <div class="a-switch" role="group" aria-label="Range">
      <button v-for="(_, key) in ranges" :key="key" :class="{ active: key === range }" :aria-pressed="key === range" :data-test="'range-' + key"
        @click="setQuery({ range: key })">{{ RANGE_LABELS[key] }}</button>
    </div>`,
};
