import { AlertActions } from "argus/alert_actions.js";
import { fleet } from "argus/feed.js";
import { isSilent } from "argus/filters.js";
import { chance, crossing, metricLabel, moment, noDataFor, onHover, utc } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { LEVELS } from "argus/levels.js";
import { href, route, serverPath, setQuery } from "argus/navigation.js";
import { outlookOf, Spark } from "argus/spark.js";
import { breachOf, crossingMoment, leftWords } from "argus/time_left.js";
import { computed, onBeforeUnmount, onMounted, ref } from "vue";

// A card is at least this wide, gap included; one full row of them, so that the table stays in sight, and never fewer than three.
const CARD_WIDTH = 300;
const inFullRows = (columns) => (columns < 2 ? 3 : columns === 2 ? 4 : columns);
// Who wants more gets these; whatever is beyond is a matter for the table.
const MOST = 24;

// The server ends a cause with when and how likely; a card says both already, and counts on.
const withoutWhen = (cause) => cause.replace(/(→ [^,]*?) (in|within) [^,]*(, \d+ % likely)?$/, "$1");

export default {
  components: { AlertActions, Icon, Spark },
  setup() {
    const ranked = computed(() => {
      const servers = fleet.value?.servers;
      if (!servers) return [];
      const found = [];
      for (let i = 0; i < servers.name.length; i++) if (servers.breach[i] || isSilent(servers, i)) found.push(i);
      // A server that stopped sending has failed as far as anybody can tell; the one that did so last is the news.
      const left = (i) => (isSilent(servers, i) ? -1 : (servers.breach[i][0] ?? Infinity));
      const silence = (i) => (isSilent(servers, i) ? (servers.age[i] ?? Infinity) : 0);
      return found.sort((a, b) => left(a) - left(b) || silence(a) - silence(b) || servers.risk[b] - servers.risk[a]);
    });
    const box = ref(null);
    const most = ref(4);
    const fit = ([{ contentRect }]) => (most.value = inFullRows(Math.floor((contentRect.width + 10) / CARD_WIDTH)));
    const observer = new ResizeObserver(fit);
    onMounted(() => observer.observe(box.value));
    onBeforeUnmount(() => observer.disconnect());
    const isOpen = computed(() => route.query.next === "more");
    const cards = computed(() =>
      ranked.value.slice(0, isOpen.value ? MOST : most.value).map((i) => {
        const { servers } = fleet.value;
        const silent = isSilent(servers, i);
        return {
          name: servers.name[i],
          level: LEVELS[servers.level[i]],
          label: servers.label[i],
          profile: servers.profile[i],
          silent,
          age: servers.age[i],
          sampledAt: servers.sampled_at_ms[i],
          breach: silent ? null : breachOf(fleet.value, i),
          cause: silent ? "" : withoutWhen(servers.cause[i]),
          alerts: servers.alerts[i],
          // What went on from its last values is no outlook on a server that nobody hears of.
          outlook: silent ? null : outlookOf(fleet.value, i),
        };
      }),
    );
    const more = computed(() => ranked.value.length - cards.value.length);
    const rest = computed(() => ranked.value.length - most.value);
    return {
      box,
      cards,
      chance,
      crossing,
      crossingMoment,
      fleet,
      href,
      isOpen,
      leftWords,
      metricLabel,
      moment,
      more,
      noDataFor,
      onHover,
      rest,
      serverPath,
      setQuery,
      utc,
    };
  },
  template: `
    <section v-show="fleet" ref="box" class="a-next" aria-label="Next to fail">
      <h2>Next to fail
        <button v-if="rest > 0" class="a-link" :aria-expanded="isOpen" data-test="next-more" @click="setQuery({ next: isOpen ? null : 'more' })">{{ isOpen ? "Fewer" : rest + " more" }}</button>
        <button v-if="isOpen && more > 0" class="a-link" @click="setQuery({ sort: 'breach' })">{{ more }} more in the table</button></h2>
      <p v-if="!cards.length" class="a-empty-line a-level-healthy"><Icon name="check" :size="16" />
        <span>No server is expected to cross a critical threshold within 8 hours.</span></p>
      <div v-else class="a-cards">
        <article v-for="card in cards" :key="card.name" class="a-card" :class="card.level.key !== 'healthy' && 'a-edge-' + card.level.key" data-test="next-card">
          <header>
            <a :href="href(serverPath(card.name))" class="a-name" :title="card.name">{{ card.name }}</a>
            <span v-if="card.breach" class="a-when" v-bind="onHover(() => crossingMoment(card.breach))" data-test="next-when">{{ leftWords(card.breach) }}</span>
            <span v-else class="a-when" v-bind="onHover(() => 'Newest sample ' + moment(card.sampledAt) + ' (' + utc(card.sampledAt) + ')')" data-test="next-when">{{ noDataFor(card.age) }}</span>
          </header>
          <div class="a-card-line" title="Its level now, and what kind of server it is">
            <span v-if="card.level.key === 'healthy'" class="a-chip a-chip-calm">{{ card.label }}</span>
            <span v-else class="a-chip" :class="'a-level-' + card.level.key"><Icon :name="card.level.icon" :size="13" />{{ card.label }}</span>
            <span class="a-muted">{{ card.profile }}</span>
          </div>
          <p v-if="card.silent" class="a-muted"><Icon name="silent" :size="14" /> Stopped sending</p>
          <p v-else class="a-muted" title="Probability that it is crossed within 8 hours">{{ crossing(card.breach.metric, card.breach.threshold) }} · {{ chance(card.breach.probability) }}</p>
          <p v-if="card.cause" class="a-cause">{{ card.cause }}</p>
          <div v-if="card.outlook" class="a-card-spark" :title="metricLabel(card.outlook.metric) + ': last 3 hours, next 8'">
            <Spark :outlook="card.outlook" :width="260" :height="44" /><small class="a-muted">{{ metricLabel(card.outlook.metric) }}</small></div>
          <AlertActions v-if="card.alerts" :alerts="card.alerts" :server="card.name" />
        </article>
      </div>
    </section>`,
};
