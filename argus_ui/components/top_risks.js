import { AlertActions } from "argus/alert_actions.js";
import { useAnswer } from "argus/answer.js";
import { downloadCsv } from "argus/csv.js";
import { fleet, link } from "argus/feed.js";
import { isSilent } from "argus/filters.js";
import {
  age,
  chance,
  crossing,
  figure,
  metricLabel,
  metricUnit,
  moment,
  noDataFor,
  number,
  riskText,
  utc,
  withUnit,
} from "argus/format.js";
import { Gauge } from "argus/gauge.js";
import { Icon } from "argus/icons.js";
import { onKey } from "argus/keys.js";
import { LEVELS, SOURCES } from "argus/levels.js";
import { METERS } from "argus/meters.js";
import { href, navigate, route, serverPath, setQuery } from "argus/navigation.js";
import { outlookOf, Spark } from "argus/spark.js";
import { breachOf, crossingMoment, leftCell, leftWords } from "argus/time_left.js";
import { shownWhen } from "argus/timing.js";
import { computed, onBeforeUnmount, onMounted, ref } from "vue";

const SHOWN = ["cpu", "memory", "iowait", "swap", "load", "disk"];
const CSV = ["rank", "server", "profile", "level", "risk", "minutes_to_breach", "breach_probability", "causes"];

export default {
  components: { AlertActions, Gauge, Icon, Spark },
  props: { counts: Array },
  setup(props) {
    const count = computed(() =>
      props.counts.includes(Number(route.query.count)) ? Number(route.query.count) : props.counts[0],
    );
    const isAll = computed(() => route.query.all === "1");
    // The strongest cause of each comes with the fleet, the others when they are asked for.
    const { data: told, problem } = useAnswer(() => `/api/top-risks?count=${count.value}`, {
      every: () => 1,
      follow: fleet,
    });
    const causes = computed(() => new Map((told.value?.servers ?? []).map((row) => [row.name, row])));
    shownWhen("top_risks", () => fleet.value && (told.value || problem.value));

    const meter = (servers, i, { key, label, top, unit }) => {
      const value = servers[key][i];
      if (value === null) return null;
      const now = `${label} ${withUnit(value, unit)}`;
      if (isSilent(servers, i))
        return { key, label, value, soon: null, unit, trend: 0, bar: null, title: `${now} when last heard of` };
      const delta = servers[`${key}_delta`][i];
      const soon = delta === null ? null : value + delta;
      const share = (one) => `${Math.max(0, Math.min(100, (one / top) * 100))}%`;
      return {
        key,
        label,
        value,
        soon,
        unit,
        trend: servers[`${key}_trend`][i],
        bar: top && {
          now: share(value),
          from: share(Math.min(value, soon ?? value)),
          width: soon === null ? "0" : share(Math.abs(delta)),
        },
        title: `${now}${soon === null ? "" : `, ${withUnit(soon, unit)} in 30 min`}`,
      };
    };
    const cards = computed(() => {
      const servers = fleet.value?.servers;
      if (!servers) return [];
      const found = [];
      for (let i = 0; i < servers.name.length && found.length < count.value; i++) {
        if (!isAll.value && servers.level[i] === 0) continue;
        const name = servers.name[i];
        const more = causes.value.get(name);
        const silent = isSilent(servers, i);
        const outlook = silent ? null : outlookOf(fleet.value, i);
        found.push({
          rank: found.length + 1,
          name,
          profile: servers.profile[i],
          level: LEVELS[servers.level[i]],
          label: servers.label[i],
          risk: servers.risk[i],
          source: servers.source[i],
          alerts: servers.alerts[i],
          silent,
          age: servers.age[i],
          sampledAt: servers.sampled_at_ms[i],
          outlook,
          sla: more?.sla_seconds ?? 0,
          causes: more?.causes.length
            ? more.causes
            : servers.cause[i]
              ? [{ text: servers.cause[i], points: null }]
              : [],
          breach: silent ? null : breachOf(fleet.value, i),
          chance30: servers.chance_30m[i],
          chance8: servers.chance_8h[i],
          meters: METERS.filter(({ key }) => SHOWN.includes(key))
            .map((one) => meter(servers, i, one))
            .filter(Boolean),
        });
      }
      return found;
    });
    const total = computed(() => fleet.value?.summary.total_servers ?? 0);
    const healthy = computed(() => fleet.value?.summary.healthy_count ?? 0);
    const highest = computed(() =>
      total.value ? { name: fleet.value.servers.name[0], risk: fleet.value.servers.risk[0] } : null,
    );
    const limit = (outlook) =>
      outlook.critical === null ? null : withUnit(outlook.critical * outlook.high, metricUnit(outlook.metric));
    const save = () =>
      downloadCsv(
        "argus-top-risks.csv",
        CSV,
        cards.value.map((card) => [
          card.rank,
          card.name,
          card.profile,
          card.level.key,
          card.risk,
          leftCell(card.breach),
          card.breach?.probability,
          card.causes.map(({ text }) => text).join("; "),
        ]),
      );

    const chosen = ref("");
    const step = (by) => {
      const place = cards.value.findIndex(({ name }) => name === chosen.value);
      const next = cards.value[place < 0 ? 0 : Math.max(0, Math.min(cards.value.length - 1, place + by))];
      if (!next) return;
      chosen.value = next.name;
      document.querySelectorAll("[data-test=risk-card]")[next.rank - 1]?.scrollIntoView({ block: "nearest" });
    };
    const unbind = [];
    onMounted(() =>
      unbind.push(
        onKey("j", () => step(1)),
        onKey("k", () => step(-1)),
        onKey("Enter", () => chosen.value && navigate(serverPath(chosen.value))),
      ),
    );
    onBeforeUnmount(() => unbind.forEach((off) => off()));
    return {
      SOURCES,
      age,
      cards,
      chance,
      chosen,
      count,
      crossing,
      crossingMoment,
      figure,
      fleet,
      healthy,
      highest,
      href,
      isAll,
      leftWords,
      limit,
      link,
      metricLabel,
      moment,
      noDataFor,
      number,
      save,
      serverPath,
      setQuery,
      total,
      riskText,
      utc,
    };
  },
  template: `
    <section class="a-top-risks" aria-label="Top risks">
      <div v-if="!fleet" class="a-empty"><Icon name="plug" :size="34" />
        <template v-if="link.state === 'live'"><h2>Connected, nothing published yet</h2><p>Send metrics: <code>argus host</code> on a machine, or <code>argus simulate</code> for a fleet to try it with.</p></template>
        <template v-else><h2>Waiting for the Argus server</h2><p>Nothing answers at <code>{{ link.target }}</code>. Start one with <code>argus server</code>.</p></template>
      </div>
      <template v-else>
        <div class="a-toolbar">
          <div class="a-switch" role="group" aria-label="How many">
            <button v-for="one in counts" :key="one" :class="{ active: one === count }" :aria-pressed="one === count" :data-test="'top-' + one"
              @click="setQuery({ count: one === counts[0] ? null : one })">Top {{ one }}</button>
          </div>
          <label class="a-check"><input type="checkbox" :checked="isAll" data-test="all" @change="setQuery({ all: $event.target.checked ? '1' : null })"> Healthy, too</label>
          <button class="a-button a-push" :disabled="!cards.length" title="These servers as CSV" @click="save()"><Icon name="download" :size="15" />CSV</button>
        </div>
        <div v-if="!cards.length" class="a-empty" data-test="calm">
          <template v-if="total"><span class="a-level-healthy"><Icon name="check" :size="38" /></span><h2>All {{ total }} servers are healthy</h2>
            <p v-if="highest">The highest risk is {{ riskText(highest.risk) }} of 100, of <a class="a-link" :href="href(serverPath(highest.name))">{{ highest.name }}</a>.
              <button class="a-link" @click="setQuery({ all: '1' })">Show the riskiest anyway</button></p></template>
          <template v-else><h2>No servers yet</h2><p>Send metrics: <code>argus host</code> on a machine, or <code>argus simulate</code> for a fleet to try it with.</p></template>
        </div>
        <article v-for="card in cards" :key="card.name" class="a-risk-card" :class="['a-edge-' + card.level.key, { chosen: card.name === chosen }]" data-test="risk-card">
          <header>
            <span class="a-rank" :aria-label="'Rank ' + card.rank">{{ card.rank }}</span>
            <a class="a-name" :href="href(serverPath(card.name))" :title="card.name">{{ card.name }}</a>
            <span class="a-chip" :class="'a-level-' + card.level.key"><Icon :name="card.level.icon" :size="13" />{{ card.label }}</span>
            <span class="a-muted">{{ card.profile }}</span>
            <span class="a-source" :class="'a-source-' + card.source.toLowerCase()" :title="SOURCES[card.source]">{{ card.source }}</span>
            <span v-if="card.silent" class="a-when a-push" :title="'Newest sample ' + moment(card.sampledAt) + ' (' + utc(card.sampledAt) + ')'">{{ noDataFor(card.age) }}</span>
            <span v-else-if="card.breach" class="a-when a-push" :title="crossingMoment(card.breach)">{{ leftWords(card.breach) }}</span>
          </header>
          <Gauge :score="card.risk" :level="card.level.key" label="risk" />
          <div class="a-risk-why">
            <p v-if="card.breach" class="a-muted">{{ crossing(card.breach.metric, card.breach.threshold) }}, probability {{ chance(card.breach.probability) }}</p>
            <ul><li v-for="cause in card.causes" :key="cause.text">{{ cause.text }}<small v-if="cause.points" class="a-muted" title="Points of the risk score">+{{ number(cause.points) }}</small></li></ul>
            <p v-if="card.silent" class="a-risk-odds a-muted">Stopped sending: its figures are those it was last heard of with<template v-if="card.sla">; act within <b>{{ age(card.sla) }}</b></template></p>
            <p v-else class="a-risk-odds a-muted">Incident within 30 min <b>{{ chance(card.chance30) }}</b>, 8 h <b>{{ chance(card.chance8) }}</b><template v-if="card.sla">; act within <b>{{ age(card.sla) }}</b></template></p>
          </div>
          <div class="a-risk-meters">
            <div v-for="one in card.meters" :key="one.key" class="a-risk-meter" :class="{ 'a-meter-old': card.silent }" :title="one.title">
              <span>{{ one.label }}</span>
              <b>{{ figure(one.value) }}<template v-if="one.soon !== null">&nbsp;<i class="a-arrow">→</i> {{ figure(one.soon) }}</template><small v-if="one.unit">&nbsp;{{ one.unit }}</small>
                <Icon v-if="one.trend" :name="one.trend > 0 ? 'up' : 'down'" :size="11" :class="one.trend > 0 ? 'a-rising' : 'a-falling'" /></b>
              <span v-if="one.bar" class="a-risk-bar"><i :style="{ width: one.bar.now }"></i><em :style="{ left: one.bar.from, width: one.bar.width }"></em></span>
            </div>
          </div>
          <figure v-if="card.outlook" class="a-risk-outlook">
            <figcaption><b>{{ metricLabel(card.outlook.metric) }}</b><span v-if="limit(card.outlook)" class="a-level-critical">critical at {{ limit(card.outlook) }}</span></figcaption>
            <Spark :outlook="card.outlook" :width="420" :height="96" />
            <div class="a-risk-axis"><span>3 h ago</span><span>now</span><span>in 8 h</span></div>
          </figure>
          <AlertActions v-if="card.alerts" :alerts="card.alerts" :server="card.name" />
        </article>
        <p v-if="cards.length && !isAll && healthy" class="a-empty-line a-muted"><Icon name="check" :size="16" /><span>{{ healthy }} of {{ total }} servers are healthy.</span></p>
      </template>
    </section>`,
};
