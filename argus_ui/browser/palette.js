// Ctrl/Cmd+K: any view, any server, without the mouse.

import { vDialog } from "argus/dialog.js";
import { fleet } from "argus/feed.js";
import { Icon } from "argus/icons.js";
import { LEVELS } from "argus/levels.js";
import { navigate, serverPath } from "argus/navigation.js";
import { computed, onMounted, ref, watch } from "vue";

const MOST = 12;

export const Palette = {
  components: { Icon },
  directives: { dialog: vDialog },
  props: { views: Array },
  emits: ["close"],
  setup(props, { emit }) {
    const text = ref("");
    const chosen = ref(0);
    const input = ref(null);
    const found = computed(() => {
      const wanted = text.value.trim().toLowerCase();
      const views = props.views
        .filter((view) => view.title.toLowerCase().includes(wanted))
        .map((view) => ({ key: `v ${view.name}`, label: view.title, icon: view.icon, kind: "View", path: view.path }));
      const servers = [];
      const columns = fleet.value?.servers;
      for (let i = 0; columns && i < columns.name.length && servers.length + views.length < MOST; i++) {
        const name = columns.name[i];
        if (!name.toLowerCase().includes(wanted)) continue;
        const level = LEVELS[columns.level[i]];
        servers.push({
          key: `s ${name}`,
          label: name,
          icon: level.icon,
          level: level.key,
          kind: columns.label[i],
          path: serverPath(name),
        });
      }
      return wanted ? [...servers, ...views].slice(0, MOST) : [...views, ...servers].slice(0, MOST);
    });
    onMounted(() => input.value.focus());
    watch(text, () => (chosen.value = 0));
    const step = (by) => (chosen.value = (chosen.value + by + found.value.length) % Math.max(1, found.value.length));
    const go = (item) => {
      if (!item) return;
      emit("close");
      navigate(item.path);
    };
    return { text, chosen, input, found, step, go };
  },
  template: `
    <div class="a-overlay" @click.self="$emit('close')">
      <div v-dialog="{ close: () => $emit('close') }" class="a-palette" role="dialog" aria-modal="true" aria-label="Go to">
        <div class="a-palette-input">
          <Icon name="search" />
          <input ref="input" v-model="text" placeholder="Server or view" aria-label="Server or view" spellcheck="false"
            @keydown.down.prevent="step(1)" @keydown.up.prevent="step(-1)" @keydown.enter.prevent="go(found[chosen])">
        </div>
        <ul role="listbox">
          <li v-for="(item, i) in found" :key="item.key" role="option" :aria-selected="i === chosen"
            :class="{ chosen: i === chosen }" @click="go(item)" @mousemove="chosen = i">
            <span :class="item.level ? 'a-level-' + item.level : ''"><Icon :name="item.icon" /></span>
            <span class="a-palette-label">{{ item.label }}</span>
            <span class="a-muted">{{ item.kind }}</span>
          </li>
          <li v-if="!found.length" class="a-muted">No view and no server is called that.</li>
        </ul>
      </div>
    </div>`,
};
