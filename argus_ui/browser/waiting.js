// What stands where there is nothing to see yet, or no more.
import { link } from "argus/feed.js";
import { Icon } from "argus/icons.js";

/**
 * Without an `answer`: what a view shows while the Argus server is not there, and has not been since the page was opened.
 * With one, as `useAnswer` gives it: what stands in place of `what` while it is read, or when it cannot be; nothing
 * once it is there, and a word of warning when it could not be read again.
 */
export const Waiting = {
  components: { Icon },
  props: { answer: Object, what: String, height: { default: "60px" } },
  setup: () => ({ link }),
  template: `
    <div v-if="!answer" class="a-empty" data-test="waiting"><Icon name="plug" :size="34" /><h2>Waiting for the Argus server</h2>
      <p>Nothing answers at <code>{{ link.target || "the target" }}</code>. Start one with <code>argus server</code>, or point the dashboard elsewhere with <code>argus ui --target HOST:PORT</code>.</p></div>
    <p v-else-if="answer.data.value && answer.problem.value" class="a-result bad" role="alert" data-test="old-answer"><Icon name="octagon" :size="16" /><span>This is what it last was. {{ answer.problem.value }}</span></p>
    <div v-else-if="!answer.data.value" class="a-waiting" role="status" :style="{ minHeight: height }">
      <template v-if="answer.problem.value"><b>{{ what }} cannot be read</b><span>{{ answer.problem.value }}</span></template>
      <span v-else-if="answer.slow.value" class="a-loading">Reading; a long range takes a while the first time</span>
      <span v-else class="a-loading">Reading</span>
    </div>`,
};
