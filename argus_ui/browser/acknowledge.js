// "I am on it", in two taps; the first time in a browser it asks for a name between them.

import { acknowledge } from "argus/alerts.js";
import { author, isKnown } from "argus/author.js";
import { Icon } from "argus/icons.js";
import { nextTick, ref } from "vue";

/** `ids`: of the alerts that are acknowledged together; `label`: on the button; `what`: names them once it is done. */
export const Acknowledge = {
  components: { Icon },
  props: { ids: Array, label: { type: String, default: "Ack" }, what: String },
  setup(props, { expose }) {
    const asking = ref(false);
    const busy = ref(false);
    const box = ref(null);
    const button = ref(null);
    // Whoever has given a name once is asked no more.
    const needsName = ref(false);
    const open = async () => {
      needsName.value = !isKnown && !author.value.trim();
      asking.value = true;
      await nextTick();
      (box.value ?? button.value)?.focus();
    };
    const send = async () => {
      busy.value = true;
      if (await acknowledge(props.ids, props.what)) asking.value = false;
      busy.value = false;
    };
    expose({ open });
    return { asking, author, box, busy, button, needsName, open, send };
  },
  template: `
    <button class="a-button" :class="{ 'a-asking': asking }" title="Tell everybody that you are on it" data-test="acknowledge" @click.stop="open()">
      <Icon name="user_check" :size="14" />{{ label }}</button>
    <form v-if="asking" class="a-ack-form" @click.stop @submit.prevent="send()" @keydown.esc.stop="asking = false">
      <input v-if="needsName" ref="box" v-model="author" maxlength="128" required placeholder="Your name" aria-label="Your name" data-test="author">
      <button ref="button" class="a-button primary" :disabled="busy" :title="'As ' + author" data-test="confirm"><Icon name="user_check" :size="14" />I am on it</button>
      <button type="button" class="a-button-icon" aria-label="Cancel" @click="asking = false"><Icon name="close" :size="14" /></button>
    </form>`,
};
