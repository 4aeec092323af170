// Acknowledge and silence, beside a server that has an alert, where the Argus server offers it.
import { computed, nextTick, ref } from "vue";
import { Acknowledge } from "argus/acknowledge.js";
import { act } from "argus/alerts.js";
import { author, isKnown } from "argus/author.js";
import { link } from "argus/feed.js";
import { Icon } from "argus/icons.js";

const SPANS = [[3600, "1 h"], [4 * 3600, "4 h"], [24 * 3600, "1 day"]];

export const AlertActions = {
  components: { Acknowledge, Icon },
  props: { alert: Array, server: String },
  setup(props) {
    const silencing = ref(false);
    const form = ref(null);
    const busy = ref(false);
    const state = computed(() => {
      const [id, firing, acknowledged_by, muted] = props.alert;
      return { id, firing, acknowledged_by, muted, server: props.server };
    });
    const offered = computed(() => link.services.includes("Alert"));
    const toggle = async () => {
      silencing.value = !silencing.value;
      await nextTick();
      form.value?.querySelector("input, button").focus();
    };
    const silence = async (seconds) => {
      busy.value = true;
      const { server } = props;
      if (await act("/api/alerts/silence", { server, seconds }, `Silenced: ${server}`)) silencing.value = false;
      busy.value = false;
    };
    return { SPANS, author, busy, form, isKnown, offered, silence, silencing, state, toggle };
  },
  template: `
    <div class="a-actions">
      <span class="a-muted" v-if="state.acknowledged_by" data-test="acknowledged"><Icon name="user_check" :size="14" /> {{ state.acknowledged_by }} is on it</span>
      <span class="a-muted" v-else-if="state.muted"><Icon name="bell_off" :size="14" /> silenced</span>
      <span class="a-muted" v-else>{{ state.firing ? "Alert firing" : "Alert pending" }}</span>
      <template v-if="offered">
        <Acknowledge v-if="!state.acknowledged_by" :key="state.id" :alert="state" />
        <button v-if="!state.muted" class="a-button" :aria-expanded="silencing" title="Keep the alerts of this server quiet for a while" data-test="silence" @click="toggle()"><Icon name="bell_off" :size="14" />Silence</button>
      </template>
      <form v-if="silencing" ref="form" class="a-ask" @submit.prevent="silence(3600)" @keydown.esc.stop="silencing = false">
        <input v-if="!isKnown" v-model="author" maxlength="128" required placeholder="Your name" aria-label="Your name" data-test="author">
        <button v-for="[seconds, label] in SPANS" :key="seconds" type="button" class="a-button" :disabled="busy" @click="silence(seconds)">{{ label }}</button>
      </form>
    </div>`,
};
