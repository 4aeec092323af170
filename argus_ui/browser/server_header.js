// How a server stands, and why, in words.

import { AlertActions } from "argus/alert_actions.js";
import { about } from "argus/alerts.js";
import { age, chance, crossing, moment, NONE, noDataFor, riskText, utc } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { LEVELS, SOURCES } from "argus/levels.js";
import { href, listPath } from "argus/navigation.js";
import { crossingMoment, leftWords } from "argus/time_left.js";
import { computed } from "vue";

export const ServerHeader = {
  components: { AlertActions, Icon },
  props: { server: Object, since: Number, place: Number, count: Number },
  emits: ["go"],
  setup(props) {
    const level = computed(() => LEVELS[props.server.level]);
    const most = computed(() => Math.max(1, ...props.server.causes.map((cause) => cause.points)));
    const alerts = computed(() =>
      props.server.alerts.map((alert) => ({ ...alert, shown: LEVELS[alert.level], title: about(alert) })),
    );
    const silent = computed(() => props.server.source === "STALE");
    const dataAge = computed(() => (props.server.age === null ? null : props.server.age + props.since));
    return {
      NONE,
      SOURCES,
      age,
      alerts,
      chance,
      crossing,
      crossingMoment,
      dataAge,
      href,
      leftWords,
      level,
      listPath,
      moment,
      most,
      noDataFor,
      silent,
      riskText,
      utc,
    };
  },
  template: `
    <section class="a-panel a-server" :class="'a-edge-' + level.key" :aria-label="server.name">
      <div class="a-server-title">
        <h2 class="a-wrap" data-test="server-name">{{ server.name }}</h2>
        <span class="a-chip" :class="'a-level-' + level.key" data-test="server-level"><Icon :name="level.icon" :size="13" />{{ server.label }}</span>
        <nav class="a-server-nav" aria-label="Servers of the list">
          <a class="a-button" :href="href(listPath())" data-test="server-back">All servers</a>
          <span v-if="place >= 0" class="a-muted" data-test="server-place">{{ place + 1 }} of {{ count }}</span>
          <button class="a-button" :disabled="place === 0" title="Previous server (k)" data-test="server-previous" @click="$emit('go', -1)"><Icon name="up" :size="14" /><kbd>k</kbd></button>
          <button class="a-button" :disabled="place === count - 1" title="Next server (j)" data-test="server-next" @click="$emit('go', 1)"><Icon name="down" :size="14" /><kbd>j</kbd></button>
        </nav>
      </div>
      <dl class="a-server-facts">
        <div><dt>Risk</dt><dd class="a-fact-big" :class="'a-level-' + level.key" data-test="server-risk">{{ riskText(server.risk) }}<small>of 100</small></dd></div>
        <div><dt>Critical threshold</dt>
          <dd v-if="silent" class="a-fact-big" data-test="server-breach"><Icon name="silent" :size="17" /> {{ noDataFor(dataAge) }}<small>stopped sending: not known</small></dd>
          <dd v-else-if="server.breach" class="a-fact-big" data-test="server-breach" :title="crossingMoment(server.breach)">
            {{ leftWords(server.breach) }}<small>{{ crossing(server.breach.metric, server.breach.threshold) }} · {{ chance(server.breach.probability) }} likely</small></dd>
          <dd v-else class="a-fact-big a-fact-calm" data-test="server-breach">none expected<small>within 8 h</small></dd></div>
        <div><dt>Chance of a breach</dt><dd data-test="server-chance"><template v-if="silent">{{ NONE }}</template>
          <template v-else>{{ chance(server.chance_30m) }} in 30 min, {{ chance(server.chance_8h) }} in 8 h</template></dd></div>
        <div><dt>State</dt><dd :title="server.state_derived ? 'Derived from the metrics' : 'As reported'">{{ server.state.replaceAll("_", " ") }}</dd></div>
        <div><dt>Profile</dt><dd>{{ server.profile }}</dd></div>
        <div><dt>Forecast</dt><dd><span class="a-source" :class="'a-source-' + server.source.toLowerCase()" :title="SOURCES[server.source]">{{ server.source }}</span></dd></div>
        <div><dt>Newest sample</dt><dd :title="moment(server.sampled_at_ms) + ' (' + utc(server.sampled_at_ms) + ')'">{{ age(dataAge) }} ago</dd></div>
      </dl>
      <div class="a-server-why" v-if="server.causes.length || alerts.length">
        <div v-if="server.causes.length"><h3>Why</h3>
          <ul class="a-causes"><li v-for="(cause, i) in server.causes" :key="i"><i class="a-cause-bar" :style="{ width: 54 * cause.points / most + 'px' }" :title="cause.points.toFixed(1) + ' points of risk'"></i><span>{{ cause.text }}</span></li></ul></div>
        <div v-if="alerts.length"><h3>Active alerts</h3>
          <ul class="a-server-alerts"><li v-for="alert in alerts" :key="alert.id" data-test="server-alert">
            <span class="a-chip" :class="'a-level-' + alert.shown.key"><Icon :name="alert.shown.icon" :size="13" />{{ alert.shown.label }}</span><strong>{{ alert.title }}</strong>
            <AlertActions :alerts="[alert.state]" :server="server.name" :one="alerts.length > 1" /></li>
            <li v-if="alerts.length > 1" data-test="server-alerts-all"><span class="a-muted">All of this server</span>
              <AlertActions :alerts="alerts.map((alert) => alert.state)" :server="server.name" /></li></ul></div>
      </div>
    </section>`,
};
