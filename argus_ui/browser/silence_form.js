// A new silence: which alerts, how long, why.

import { silence } from "argus/alerts.js";
import { author, isKnown } from "argus/author.js";
import { describe, literal, MatcherFields, patterns } from "argus/matcher.js";
import { onMounted, reactive, ref } from "vue";

const SPANS = [
  [1800, "30 min"],
  [3600, "1 h"],
  [4 * 3600, "4 h"],
  [8 * 3600, "8 h"],
  [24 * 3600, "1 day"],
  [7 * 24 * 3600, "1 week"],
];
const UNITS = [
  [60, "minutes"],
  [3600, "hours"],
  [86_400, "days"],
];

/** `alert`: the one it is made for, or null for an empty form. */
export const SilenceForm = {
  components: { MatcherFields },
  props: { alert: Object },
  emits: ["done"],
  setup(props, { emit }) {
    const { alert } = props;
    const model = reactive({
      servers: alert ? literal(alert.server) : "",
      metrics: alert?.subject === "metric" ? [alert.metric] : [],
      subjects: alert && alert.subject !== "metric" ? [alert.subject] : [],
    });
    const seconds = ref(3600);
    const custom = reactive({ on: false, count: 2, unit: 3600 });
    const comment = ref("");
    const busy = ref(false);
    const form = ref(null);
    onMounted(() => form.value.querySelector("button").focus());
    const send = async () => {
      busy.value = true;
      const asked = {
        servers: patterns(model.servers),
        metrics: model.metrics,
        subjects: model.subjects,
        comment: comment.value,
        seconds: custom.on ? custom.count * custom.unit : seconds.value,
      };
      if (await silence("/api/silences", asked, describe(asked).servers)) emit("done");
      busy.value = false;
    };
    const choose = (span) => {
      seconds.value = span;
      custom.on = false;
    };
    return { SPANS, UNITS, author, busy, choose, comment, custom, form, isKnown, model, seconds, send };
  },
  template: `
    <form ref="form" class="a-form" data-test="silence-form" @submit.prevent="send()">
      <div class="a-field" role="group" aria-label="For"><span>For</span>
        <div class="a-choices">
          <button v-for="[span, label] in SPANS" :key="span" type="button" class="a-choice" :class="{ active: !custom.on && seconds === span }"
            :aria-pressed="!custom.on && seconds === span" @click="choose(span)">{{ label }}</button>
          <button type="button" class="a-choice" :class="{ active: custom.on }" :aria-pressed="custom.on" @click="custom.on = true">Other</button>
          <template v-if="custom.on">
            <input v-model.number="custom.count" type="number" min="1" max="9999" step="any" required aria-label="How many" class="a-short">
            <select v-model.number="custom.unit" aria-label="Unit"><option v-for="[unit, label] in UNITS" :key="unit" :value="unit">{{ label }}</option></select>
          </template>
        </div>
      </div>
      <MatcherFields :model="model" />
      <label class="a-field"><span>Why</span><input v-model="comment" maxlength="1024" placeholder="Others will read it" data-test="comment"></label>
      <label v-if="!isKnown" class="a-field"><span>You are</span><input v-model="author" maxlength="128" required placeholder="Your name" data-test="author"></label>
      <div class="a-form-foot">
        <button class="a-button primary" :disabled="busy" data-test="confirm-silence">Silence</button>
        <button type="button" class="a-button" @click="$emit('done')">Cancel</button>
      </div>
    </form>`,
};
