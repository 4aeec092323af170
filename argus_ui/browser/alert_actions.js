// Acknowledge and silence, beside a server that has alerts, where the Argus server offers it.

import { Acknowledge } from "argus/acknowledge.js";
import { silence } from "argus/alerts.js";
import { author, isKnown } from "argus/author.js";
import { link } from "argus/feed.js";
import { Icon } from "argus/icons.js";
import { href } from "argus/navigation.js";
import { computed, nextTick, ref } from "vue";

const SPANS = [
  [3600, "1 h"],
  [4 * 3600, "4 h"],
  [24 * 3600, "1 day"],
];

/**
 * `alerts`: each as `[id, whether it fires, who is on it, whether it is muted]`, most urgent first; all of the server's unless
 * `one` says that it is one among several: a silence is about the server.
 */
export const AlertActions = {
  components: { Acknowledge, Icon },
  props: { alerts: Array, server: String, one: Boolean },
  setup(props) {
    const silencing = ref(false);
    const form = ref(null);
    const busy = ref(false);
    const offered = computed(() => link.services.includes("Alert"));
    const all = computed(() => props.alerts.map(([id, firing, owner, muted]) => ({ id, firing, owner, muted })));
    const firing = computed(() => all.value.filter((one) => one.firing));
    const words = computed(() => {
      if (all.value.length > 1) return `${all.value.length} alerts`;
      return firing.value.length ? "Alert firing" : "Alert pending";
    });
    const counted = computed(() => `${firing.value.length} firing, ${all.value.length - firing.value.length} pending`);
    // Whoever takes a server takes all of it that fires; what is only pending may turn out to be another matter.
    const open = computed(() => (firing.value.length ? firing.value : all.value).filter((one) => !one.owner));
    const label = computed(() => {
      if (all.value.length === 1) return "Ack";
      if (open.value.length === all.value.length) return `Ack all ${all.value.length}`;
      return `Ack ${open.value.length} ${firing.value.length ? "firing" : "pending"}`;
    });
    const what = computed(() =>
      open.value.length > 1 ? `${props.server}, ${open.value.length} alerts` : props.server,
    );
    const owned = computed(() => all.value.filter((one) => one.owner));
    const owners = computed(() => {
      const names = [...new Set(owned.value.map((one) => one.owner))];
      const share = owned.value.length < all.value.length ? `${owned.value.length} of ${all.value.length}` : "it";
      return `${names.join(", ")} ${names.length > 1 ? "are" : "is"} on ${share}`;
    });
    const muted = computed(() => all.value.filter((one) => one.muted).length);
    const quiet = computed(() =>
      muted.value < all.value.length ? `${muted.value} of ${all.value.length} silenced` : "silenced",
    );
    const toggle = async () => {
      silencing.value = !silencing.value;
      await nextTick();
      form.value?.querySelector("input, button").focus();
    };
    const send = async (seconds) => {
      busy.value = true;
      const { server } = props;
      if (await silence("/api/alerts/silence", { server, seconds }, server)) silencing.value = false;
      busy.value = false;
    };
    return {
      SPANS,
      all,
      author,
      busy,
      counted,
      form,
      href,
      isKnown,
      label,
      muted,
      offered,
      open,
      owned,
      owners,
      quiet,
      send,
      silencing,
      toggle,
      what,
      words,
    };
  },
  template: `
    <div class="a-actions">
      <span class="a-actions-state a-muted">
        <span v-if="open.length || !owned.length" :title="counted" data-test="alerts-state">{{ words }}</span>
        <span v-if="owned.length" data-test="acknowledged"><Icon name="user_check" :size="14" /> {{ owners }}</span>
        <a v-if="muted" class="a-link" :href="href('/alerts?show=silences')" title="Nobody is notified; here it can be ended" data-test="silenced"><Icon name="bell_off" :size="14" /> {{ quiet }}</a>
      </span>
      <template v-if="offered">
        <Acknowledge v-if="open.length" :key="open[0].id" :ids="open.map((one) => one.id)" :label="label" :what="what" />
        <button v-if="!one && muted < all.length" class="a-button" :aria-expanded="silencing" title="Keep the alerts of this server quiet for a while" data-test="silence" @click="toggle()"><Icon name="bell_off" :size="14" />Silence</button>
      </template>
      <form v-if="silencing" ref="form" class="a-ask" @submit.prevent="send(3600)" @keydown.esc.stop="silencing = false">
        <input v-if="!isKnown" v-model="author" maxlength="128" required placeholder="Your name" aria-label="Your name" data-test="author">
        <span class="a-muted">Silence for</span>
        <button v-for="[seconds, span] in SPANS" :key="seconds" type="button" class="a-button" :disabled="busy" @click="send(seconds)">{{ span }}</button>
        <button type="button" class="a-button-icon" aria-label="Cancel" @click="silencing = false"><Icon name="close" :size="14" /></button>
      </form>
    </div>`,
};
