// Acknowledge and silence, where the server offers it.
import { computed, ref } from "vue";
import { postJson } from "argus/api.js";
import { author, isKnown, rememberAuthor } from "argus/author.js";
import { link } from "argus/feed.js";
import { Icon } from "argus/icons.js";

const SPANS = [[3600, "1 h"], [4 * 3600, "4 h"], [24 * 3600, "1 day"]];

export const AlertActions = {
  components: { Icon },
  props: { alert: Array, server: String, metric: String },
  setup(props) {
    const asking = ref("");
    const problem = ref("");
    const busy = ref(false);
    const state = computed(() => {
      const [id, firing, acknowledgedBy, muted, count] = props.alert;
      return { id, firing, acknowledgedBy, muted, count };
    });
    const offered = computed(() => link.services.includes("Alert"));
    const send = async (path, body) => {
      if (!author.value.trim()) return void (problem.value = "Who are you? Others will see it.");
      busy.value = true;
      problem.value = "";
      try {
        await postJson(path, { author: author.value.trim(), ...body });
        rememberAuthor();
        asking.value = "";
      } catch (error) {
        problem.value = error.message;
      } finally {
        busy.value = false;
      }
    };
    const acknowledge = () => send("/api/alerts/acknowledge", { alert_id: state.value.id });
    const silence = (seconds) => send("/api/alerts/silence", { server: props.server, seconds });
    const ask = (what) => {
      asking.value = asking.value === what ? "" : what;
      problem.value = "";
    };
    return { SPANS, acknowledge, ask, asking, author, busy, known: isKnown, offered, problem, silence, state };
  },
  template: `
    <div class="a-actions">
      <span class="a-muted" v-if="state.acknowledgedBy" data-test="acknowledged"><Icon name="user_check" :size="14" /> {{ state.acknowledgedBy }} is on it</span>
      <span class="a-muted" v-else-if="state.muted"><Icon name="bell_off" :size="14" /> silenced</span>
      <span class="a-muted" v-else>{{ state.firing ? "Alert firing" : "Alert pending" }}</span>
      <template v-if="offered">
        <button v-if="!state.acknowledgedBy" class="a-button" :aria-expanded="asking === 'acknowledge'" title="Acknowledge: tell everybody that you are on it" data-test="acknowledge" @click="ask('acknowledge')"><Icon name="user_check" :size="14" />Ack</button>
        <button v-if="!state.muted" class="a-button" :aria-expanded="asking === 'silence'" title="Keep the alerts of this server quiet for a while" data-test="silence" @click="ask('silence')"><Icon name="bell_off" :size="14" />Silence</button>
      </template>
      <form v-if="asking" class="a-ask" @submit.prevent="asking === 'acknowledge' ? acknowledge() : silence(3600)" @keydown.esc="asking = ''">
        <input v-if="!known" v-model="author" placeholder="Your name" aria-label="Your name" data-test="author">
        <button v-if="asking === 'acknowledge'" class="a-button primary" :disabled="busy" data-test="confirm">I am on it</button>
        <template v-else><button v-for="[seconds, label] in SPANS" :key="seconds" type="button" class="a-button" :disabled="busy" @click="silence(seconds)">{{ label }}</button></template>
        <p v-if="problem" class="a-level-critical" role="alert">{{ problem }}</p>
      </form>
    </div>`,
};
