import { computed, onBeforeUnmount, onMounted, ref } from "vue";
import { AlertActions } from "argus/alert_actions.js";
import { fleet } from "argus/feed.js";
import { chance, crossing, metricLabel, minutes, moment, onHover, utc } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { LEVELS } from "argus/levels.js";
import { href, route, serverPath, setQuery } from "argus/navigation.js";
import { Spark, outlookOf } from "argus/spark.js";

// A card is at least this wide, gap included; one full row of them, so that the table stays in sight, and never fewer than three.
const CARD_WIDTH = 300;
const inFullRows = (columns) => (columns < 2 ? 3 : columns === 2 ? 4 : columns);
// Who wants more gets these; whatever is beyond is a matter for the table.
const MOST = 24;

export default {
  components: { AlertActions, Icon, Spark },
  setup() {
    const ranked = computed(() => {
      const servers = fleet.value?.servers;
      if (!servers) return [];
      const found = [];
      for (let i = 0; i < servers.name.length; i++) if (servers.breach[i]) found.push(i);
      const left = (i) => servers.breach[i][0] ?? Infinity;
      return found.sort((a, b) => left(a) - left(b) || servers.risk[b] - servers.risk[a]);
    });
    const box = ref(null);
    const most = ref(4);
    const observer = new ResizeObserver(([{ contentRect }]) => (most.value = inFullRows(Math.floor((contentRect.width + 10) / CARD_WIDTH))));
    onMounted(() => observer.observe(box.value));
    onBeforeUnmount(() => observer.disconnect());
    const isOpen = computed(() => route.query.next === "more");
    const cards = computed(() =>
      ranked.value.slice(0, isOpen.value ? MOST : most.value).map((i) => {
        const { servers, metrics, origin_ms } = fleet.value;
        const [left, metric, threshold, probability] = servers.breach[i];
        return {
          name: servers.name[i], level: LEVELS[servers.level[i]], label: servers.label[i], profile: servers.profile[i],
          left, when: origin_ms + left * 60_000, probability, cause: servers.cause[i], alert: servers.alert[i],
          metric: metrics[metric], threshold, outlook: outlookOf(fleet.value, i),
        };
      }),
    );
    const more = computed(() => ranked.value.length - cards.value.length);
    const rest = computed(() => ranked.value.length - most.value);
    return { box, fleet, cards, isOpen, more, rest, crossing, chance, metricLabel, minutes, moment, onHover, utc, href, serverPath, setQuery };
  },
  template: `
    <section v-show="fleet" ref="box" class="a-next" aria-label="Next to fail">
      <h2>Next to fail
        <button v-if="rest > 0" class="a-link" :aria-expanded="isOpen" data-test="next-more" @click="setQuery({ next: isOpen ? null : 'more' })">{{ isOpen ? "Fewer" : rest + " more" }}</button>
        <button v-if="isOpen && more > 0" class="a-link" @click="setQuery({ sort: 'breach' })">{{ more }} more in the table</button></h2>
      <p v-if="!cards.length" class="a-empty-line a-level-healthy"><Icon name="check" :size="16" />
        <span>No server is expected to cross a critical threshold within 8 hours.</span></p>
      <div v-else class="a-cards">
        <article v-for="card in cards" :key="card.name" class="a-card" :class="'a-edge-' + card.level.key" data-test="next-card">
          <header>
            <a :href="href(serverPath(card.name))" class="a-name" :title="card.name">{{ card.name }}</a>
            <span class="a-when" v-bind="onHover(() => moment(card.when) + ' (' + utc(card.when) + ')')">{{ card.left < 1 ? "now" : "in " + minutes(card.left) }}</span>
          </header>
          <div class="a-card-line">
            <span class="a-chip" :class="'a-level-' + card.level.key"><Icon :name="card.level.icon" :size="13" />{{ card.label }}</span>
            <span class="a-muted" title="Probability that it is crossed within 8 hours">{{ chance(card.probability) }} · {{ crossing(card.metric, card.threshold) }}</span>
          </div>
          <p class="a-cause">{{ card.cause }}</p>
          <div v-if="card.outlook" class="a-card-spark" :title="metricLabel(card.outlook.metric) + ': last 3 hours, next 8'">
            <Spark :outlook="card.outlook" :width="260" :height="44" /><small class="a-muted">{{ metricLabel(card.outlook.metric) }}</small></div>
          <AlertActions v-if="card.alert" :alert="card.alert" :server="card.name" />
        </article>
      </div>
    </section>`,
};
