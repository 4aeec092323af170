import { fleet } from "argus/feed.js";
import { levels, toggleLevel } from "argus/filters.js";
import { chance } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { LEVELS, SILENT } from "argus/levels.js";
import { computed } from "vue";

// What the server makes of the chance within 30 minutes; the one within 8 hours it does not judge.
const HEALTH = {
  healthy: { word: "healthy", key: "", icon: "" },
  warning: { word: "warning", key: "warning", icon: "triangle" },
  critical: { word: "critical", key: "critical", icon: "octagon" },
};
const UNJUDGED = { word: "", key: "", icon: "" };

export default {
  components: { Icon },
  setup() {
    const tiles = computed(() =>
      [...LEVELS]
        .reverse()
        .concat(SILENT)
        .map((level) => ({ ...level, count: fleet.value?.summary[`${level.key}_count`] ?? 0 })),
    );
    const odds = computed(() => {
      const { incident_probability_30m: soon, incident_probability_8h: later, fleet_health } = fleet.value.environment;
      return [
        { ...(HEALTH[fleet_health] ?? UNJUDGED), value: soon, when: "in 30 min" },
        { ...UNJUDGED, value: later, when: "in 8 h" },
      ];
    });
    return { fleet, tiles, odds, levels, toggleLevel, chance };
  },
  template: `
    <section v-if="fleet" class="a-counters" aria-label="Fleet in numbers">
      <button v-for="tile in tiles" :key="tile.key" class="a-tile" :class="['a-tile-' + tile.key, { active: levels.has(tile.key), none: !tile.count }]"
        :aria-pressed="levels.has(tile.key)" :data-test="'count-' + tile.key"
        :title="tile.key === 'silent' ? 'Servers that stopped sending; they count in their level, too' : 'Show these only'" @click="toggleLevel(tile.key)">
        <span class="a-tile-label" :class="'a-level-' + tile.key"><Icon :name="tile.icon" :size="15" />{{ tile.label }}</span>
        <strong>{{ tile.count }}</strong>
      </button>
      <div class="a-tile a-tile-wide" title="Probability that at least one server is beyond a critical threshold within that time. Healthy, warning or critical is what the Argus server calls the fleet, by the next 30 minutes">
        <span class="a-tile-label a-muted">Chance of an incident</span>
        <div class="a-odds">
          <div v-for="one in odds" :key="one.when" :class="one.key && 'a-level-' + one.key" data-test="odds">
            <Icon v-if="one.icon" :name="one.icon" :size="17" /><strong>{{ chance(one.value) }}</strong><small><template v-if="one.word"><b>{{ one.word }}</b><br></template>{{ one.when }}</small></div>
        </div>
      </div>
    </section>`,
};
