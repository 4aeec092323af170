// What "?" shows.
import { vDialog } from "argus/dialog.js";

export const SHORTCUTS = [
  ["Ctrl K", "Go to a server or a view"],
  ["/", "Search in this view, or everywhere"],
  ["j  k", "Next, previous row or server; down, up"],
  ["Enter", "Open the chosen server"],
  ["a", "Acknowledge the chosen alert"],
  ["Esc", "Clear the search, close what is open"],
  ["d", "Dark or light"],
  ["?", "This help"],
];

export const Shortcuts = {
  directives: { dialog: vDialog },
  emits: ["close"],
  setup: () => ({ SHORTCUTS }),
  template: `
    <div class="a-overlay" @click.self="$emit('close')">
      <div v-dialog="{ close: () => $emit('close'), keys: ['?'] }" class="a-palette a-shortcuts" role="dialog" aria-modal="true" aria-label="Keys">
        <h2>Keys</h2>
        <dl><template v-for="[key, what] in SHORTCUTS" :key="key"><dt><kbd>{{ key }}</kbd></dt><dd>{{ what }}</dd></template></dl>
      </div>
    </div>`,
};
