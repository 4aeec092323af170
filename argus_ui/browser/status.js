// What is always in sight: is this live, how old is it, which model made it, and what is wrong if something is.

import { now } from "argus/clock.js";
import { vDialog } from "argus/dialog.js";
import { fleet, link, receivedAt } from "argus/feed.js";
import { age, moment, onHover, utc } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { computed } from "vue";

/** The connection in a word and a sentence. */
export function connection() {
  if (!link.socket) {
    return {
      key: "lost",
      label: "Page disconnected",
      text: "This page has lost the dashboard; it reconnects by itself.",
    };
  }
  const where = link.target ? ` ${link.target}` : "";
  switch (link.state) {
    case "live":
      return { key: "live", label: "Live", text: `Connected to the Argus server${where}.` };
    case "connecting":
      return { key: "waiting", label: "Connecting", text: `Waiting for the Argus server${where}. ${link.error}` };
    case "draining":
      return { key: "waiting", label: "Restarting", text: `The Argus server${where} is stopping.` };
    default:
      return { key: "lost", label: "Reconnecting", text: `The Argus server${where} does not answer. ${link.error}` };
  }
}

/** The share of the fleet up to which servers that warm up are no news for the whole page. */
export const FEW_COLD = 0.2;
export const WARMING_UP =
  "Two hours of metrics make the model's forecasts possible. Until then they are statistical fallbacks.";

/** How many servers are warming up, of how many. */
export function coldServers() {
  const { total_servers: total, warm_servers: warm } = fleet.value?.summary ?? { total_servers: 0, warm_servers: 0 };
  return { count: total - warm, total };
}

/** Seconds since the newest forecast came. */
export const forecastAge = () => (fleet.value ? Math.max(0, (now.value - receivedAt.value) / 1000) : null);

const state = computed(connection);
const model = computed(() => fleet.value?.model ?? null);
const modelName = computed(() => {
  if (!model.value) return "";
  return model.value.kind === "TFT" ? model.value.revision || model.value.name : "no model: fallback";
});
const origin = computed(() => fleet.value?.origin_ms ?? 0);

export const StatusBar = {
  components: { Icon },
  props: { open: Boolean },
  emits: ["toggle"],
  setup: () => ({ state, model, modelName, origin, fleet, age, moment, onHover, utc, forecastAge }),
  template: `
    <div class="a-status">
      <button class="a-pill" :class="'a-link-' + state.key" :title="state.text" aria-haspopup="dialog" :aria-expanded="open" data-test="connection" @click="$emit('toggle')">
        <i class="a-dot"></i><span role="status">{{ state.label }}</span>
      </button>
      <template v-if="fleet">
        <span class="a-status-item" v-bind="onHover(() => 'Forecast from ' + moment(origin) + ' on (' + utc(origin) + '), revision ' + fleet.revision)" data-test="forecast-age">
          <Icon name="clock" :size="14" /><span class="a-status-word">Forecast</span>{{ age(forecastAge()) }} old
        </span>
        <span class="a-status-item a-status-model" v-bind="onHover(() => model.kind + ' on ' + model.device + ', loaded ' + moment(model.loaded_at_ms))">
          <Icon name="model" :size="14" />{{ modelName }}
        </span>
      </template>
    </div>`,
};

/** What the bar says, in full: where it is too narrow for all of it, and where nothing hovers. */
export const StatusSheet = {
  directives: { dialog: vDialog },
  emits: ["close"],
  setup: () => ({ state, model, modelName, origin, fleet, link, age, moment, utc, forecastAge }),
  template: `
    <div class="a-overlay a-sheet" @click.self="$emit('close')">
      <div v-dialog="{ close: () => $emit('close') }" class="a-palette a-confirm" role="dialog" aria-modal="true" aria-label="Status" data-test="status">
        <h2>{{ state.label }}</h2>
        <dl class="a-facts">
          <dt>Connection</dt><dd>{{ state.text }}</dd>
          <template v-if="fleet">
            <dt>Forecast</dt><dd>{{ age(forecastAge()) }} old, begins {{ moment(origin) }} <small class="a-muted">{{ utc(origin) }}</small></dd>
            <dt>Revision</dt><dd>{{ fleet.revision }}</dd>
            <dt>Model</dt><dd>{{ modelName }} <small class="a-muted">{{ model.kind }} on {{ model.device }}, loaded {{ moment(model.loaded_at_ms) }}</small></dd>
          </template>
        </dl>
        <footer><button class="a-button" data-test="close-status" @click="$emit('close')">Close</button></footer>
      </div>
    </div>`,
};

/** Lines across the page for what somebody has to know before trusting it. */
export const Banners = {
  components: { Icon },
  setup() {
    const lines = computed(() => {
      const found = [];
      const { key, text } = connection();
      if (key === "lost") {
        const old = fleet.value ? ` What you see is ${age(forecastAge())} old.` : "";
        found.push({ key: "lost", kind: "bad", icon: "plug", text: text + old });
      }
      if (fleet.value?.degraded) {
        found.push({
          key: "degraded",
          kind: "bad",
          icon: "triangle",
          text: `Degraded: ${fleet.value.degraded_reason}`,
        });
      }
      const { count, total } = coldServers();
      if (count > FEW_COLD * total) {
        const who = count === total ? "The fleet is" : `${count} of ${total} servers are`;
        found.push({ key: "warm", kind: "note", icon: "clock", text: `${who} warming up. ${WARMING_UP}` });
      }
      return found;
    });
    return { lines };
  },
  template: `
    <div v-for="line in lines" :key="line.key" class="a-banner" :class="'a-banner-' + line.kind" :data-test="'banner-' + line.key">
      <Icon :name="line.icon" :size="16" /><span>{{ line.text }}</span>
    </div>`,
};
