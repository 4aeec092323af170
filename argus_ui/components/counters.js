import { computed } from "vue";
import { fleet } from "argus/feed.js";
import { levels, toggleLevel } from "argus/filters.js";
import { chance } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { LEVELS, SILENT } from "argus/levels.js";

const HEALTH = {
  healthy: { ...LEVELS[0], label: "Fleet healthy" },
  warning: { ...LEVELS[2], label: "Fleet at risk" },
  critical: { ...LEVELS[3], label: "Fleet in danger" },
};

export default {
  components: { Icon },
  setup() {
    const tiles = computed(() =>
      [...LEVELS].reverse().concat(SILENT).map((level) => ({ ...level, count: fleet.value?.summary[`${level.key}_count`] ?? 0 })),
    );
    const environment = computed(() => fleet.value?.environment);
    const health = computed(() => HEALTH[environment.value?.fleet_health]);
    return { fleet, tiles, environment, health, levels, toggleLevel, chance };
  },
  template: `
    <section v-if="fleet" class="a-counters" aria-label="Fleet in numbers">
      <button v-for="tile in tiles" :key="tile.key" class="a-tile" :class="['a-tile-' + tile.key, { active: levels.has(tile.key), none: !tile.count }]"
        :aria-pressed="levels.has(tile.key)" :data-test="'count-' + tile.key"
        :title="tile.key === 'silent' ? 'Servers that stopped sending; they count in their level, too' : 'Show these only'" @click="toggleLevel(tile.key)">
        <span class="a-tile-label" :class="'a-level-' + tile.key"><Icon :name="tile.icon" :size="15" />{{ tile.label }}</span>
        <strong>{{ tile.count }}</strong>
      </button>
      <div class="a-tile a-tile-wide" title="Probability that at least one server is beyond a critical threshold within that time">
        <span class="a-tile-label" :class="health && 'a-level-' + health.key"><template v-if="health"><Icon :name="health.icon" :size="15" />{{ health.label }}: incident</template></span>
        <div class="a-odds">
          <div><strong>{{ chance(environment.incident_probability_30m) }}</strong><small>in 30 min</small></div>
          <div><strong>{{ chance(environment.incident_probability_8h) }}</strong><small>in 8 h</small></div>
        </div>
      </div>
    </section>`,
};
