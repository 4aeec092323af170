// What a view shows while the Argus server is not there, and has not been since the page was opened.
import { link } from "argus/feed.js";
import { Icon } from "argus/icons.js";

export const Waiting = {
  components: { Icon },
  setup: () => ({ link }),
  template: `
    <div class="a-empty" data-test="waiting"><Icon name="plug" :size="34" /><h2>Waiting for the Argus server</h2>
      <p>Nothing answers at <code>{{ link.target || "the target" }}</code>. Start one with <code>argus server</code>, or point the dashboard elsewhere with <code>argus ui --target HOST:PORT</code>.</p></div>`,
};
