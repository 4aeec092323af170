import { age, minutes, moment, NONE, number, utc } from "argus/format.js";
import { href } from "argus/navigation.js";
import { isRecording, NotRecording, RangeSwitch, usePast, useRange } from "argus/past.js";
import { shownWhen } from "argus/timing.js";
import { Waiting } from "argus/waiting.js";
import { computed } from "vue";

const share = (value) => (value === null ? NONE : `${number(100 * value)} %`);

const DAY = 86_400;
const span = (seconds) => (seconds < 5400 || seconds > DAY ? age(seconds) : minutes(seconds / 60));

export default {
  components: { NotRecording, RangeSwitch, Waiting },
  props: { ranges: Object },
  setup(props) {
    const range = useRange(props.ranges);
    const answer = usePast(() => `/api/history/summary?range=${range.value}`, props.ranges, range);
    const cards = computed(() => {
      const s = answer.data.value;
      if (!s) return null;
      const counted =
        s.watched_since_ms > s.start_ms
          ? `; Argus has watched since ${moment(s.watched_since_ms)}`
          : s.watched_since_ms
            ? ""
            : "; Argus had not begun to watch";
      const others = s.alerts - s.critical_alerts;
      return [
        {
          key: "alerts",
          label: "Alerts",
          value: s.alerts,
          detail: s.alerts ? `${s.critical_alerts} critical, ${others} lower` : "none fired",
          title: "Alerts that fired",
        },
        {
          key: "resolved",
          label: "Resolved",
          value: share(s.resolution_ratio),
          detail: `${s.resolved_alerts} of ${s.alerts} alerts`,
          title: "Of those that fired, within the range",
        },
        {
          key: "mttr",
          label: "Time to resolve",
          value: s.mean_time_to_resolve_seconds === null ? NONE : span(s.mean_time_to_resolve_seconds),
          detail: "on average",
          title: "From firing to resolved",
        },
        {
          key: "acknowledged",
          label: "Acknowledged",
          value: `${s.acknowledged_alerts}`,
          detail:
            s.mean_time_to_acknowledge_seconds === null
              ? `of ${s.alerts} that fired`
              : `after ${span(s.mean_time_to_acknowledge_seconds)} on average`,
          title: "Of the alerts that fired, those that somebody said to be on",
        },
        {
          key: "incidents",
          label: "Incidents",
          value: s.incidents,
          detail: `on ${s.servers_with_incidents} of ${s.servers} servers`,
          title: `Critical thresholds that were really crossed, for 10 minutes or more${counted}`,
        },
        {
          key: "predicted",
          label: "Predicted",
          value: share(s.predicted_ratio),
          detail: s.incidents
            ? `${s.predicted_incidents} of ${s.incidents}${s.mean_lead_seconds === null ? "" : `, ${span(s.mean_lead_seconds)} ahead`}`
            : "no incident",
          title: `Incidents that an alert was firing for when they began${counted}`,
        },
      ];
    });
    shownWhen("history", () => cards.value || answer.problem.value, 2);
    return { answer, cards, href, isRecording, moment, range, utc };
  },
  template: `
    <NotRecording v-if="!isRecording" />
    <section v-else aria-label="Summary">
      <div class="a-toolbar a-past-bar">
        <RangeSwitch :ranges="ranges" />
        <span v-if="answer.data.value" class="a-muted a-push a-past-span" :title="utc(answer.data.value.start_ms) + ' to ' + utc(answer.data.value.end_ms)">
          {{ moment(answer.data.value.start_ms) }} – {{ moment(answer.data.value.end_ms) }}</span>
        <span v-if="answer.data.value?.watched_since_ms > answer.data.value?.start_ms" class="a-muted" :title="utc(answer.data.value.watched_since_ms)" data-test="watched">incidents since {{ moment(answer.data.value.watched_since_ms) }}</span>
      </div>
      <Waiting v-if="cards" :answer="answer" what="The summary" />
      <div v-if="cards" class="a-past-cards" data-test="summary">
        <div v-for="card in cards" :key="card.key" class="a-tile" :title="card.title" :data-test="'card-' + card.key">
          <span class="a-tile-label">{{ card.label }}</span><strong>{{ card.value }}</strong><small class="a-muted">{{ card.detail }}<template v-if="card.key === 'predicted'"> · <a class="a-link" :href="href('/accuracy?range=' + range)" title="Forecasts against what came" data-test="to-accuracy">Accuracy</a></template></small>
        </div>
      </div>
      <div v-else class="a-panel a-past-cards-wait"><Waiting :answer="answer" what="The summary" /></div>
    </section>`,
};
