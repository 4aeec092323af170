// Which alerts a silence or a maintenance window is about.

import { SUBJECTS } from "argus/alerts.js";
import { fleet } from "argus/feed.js";
import { metricLabel } from "argus/format.js";
import { computed } from "vue";

/** A pattern that matches this server only, whatever is in its name. */
export const literal = (name) => name.replace(/[*?[]/g, (letter) => `[${letter}]`);

/** Names or patterns in a text of lines or commas. */
export const patterns = (text) =>
  text
    .split(/[,\n]/)
    .map((part) => part.trim())
    .filter(Boolean);

/** A matcher in words. */
export function describe({ servers, metrics, subjects }) {
  const what = [...metrics.map(metricLabel), ...subjects.map((one) => SUBJECTS[one] ?? one)];
  return {
    servers: servers.length ? servers.join(", ") : "all servers",
    what: what.length ? what.join(", ") : "everything",
  };
}

/** A matcher as three cells of a file: servers, metrics, subjects. */
export const matcherCells = ({ servers, metrics, subjects }) => [
  servers.join(", "),
  metrics.join(" "),
  subjects.join(" "),
];

/** A matcher as fields; `model` is `{servers, metrics, subjects}`, servers as text. */
export const MatcherFields = {
  props: { model: Object },
  setup(props) {
    const metrics = computed(() => fleet.value?.metrics ?? []);
    const isAll = computed(() => !props.model.metrics.length && !props.model.subjects.length);
    const toggle = (list, name) => {
      const held = props.model[list];
      props.model[list] = held.includes(name) ? held.filter((other) => other !== name) : [...held, name];
    };
    const clear = () => Object.assign(props.model, { metrics: [], subjects: [] });
    return { SUBJECTS, clear, isAll, metricLabel, metrics, toggle };
  },
  template: `
    <label class="a-field"><span>Servers</span>
      <input v-model="model.servers" placeholder="web-*, db-1   ( * for all )" spellcheck="false" autocapitalize="off" required data-test="servers">
      <small class="a-muted">Names, with <code>*</code>, <code>?</code> and <code>[ab]</code> as in file names; commas between them.</small>
    </label>
    <div class="a-field" role="group" aria-label="About"><span>About</span>
      <div class="a-choices">
        <button type="button" class="a-choice" :class="{ active: isAll }" :aria-pressed="isAll" @click="clear()">Everything</button>
        <button v-for="(label, name) in SUBJECTS" :key="name" type="button" class="a-choice" :class="{ active: model.subjects.includes(name) }"
          :aria-pressed="model.subjects.includes(name)" @click="toggle('subjects', name)">{{ label }}</button>
        <button v-for="name in metrics" :key="name" type="button" class="a-choice" :class="{ active: model.metrics.includes(name) }"
          :aria-pressed="model.metrics.includes(name)" @click="toggle('metrics', name)">{{ metricLabel(name) }}</button>
      </div>
    </div>`,
};
