// What "?" shows.

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
  emits: ["close"],
  setup: () => ({ SHORTCUTS }),
  template: `
    <div class="a-overlay" @click.self="$emit('close')">
      <div class="a-palette a-shortcuts" role="dialog" aria-label="Keys">
        <h2>Keys</h2>
        <dl><template v-for="[key, what] in SHORTCUTS" :key="key"><dt><kbd>{{ key }}</kbd></dt><dd>{{ what }}</dd></template></dl>
      </div>
    </div>`,
};
