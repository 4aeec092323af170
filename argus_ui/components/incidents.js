import { chance, minutes, moment, utc } from "argus/format.js";
import { isRecording, NotRecording, RangeSwitch, usePast, useRange } from "argus/past.js";
import { shownWhen } from "argus/timing.js";
import { Waiting } from "argus/waiting.js";
import { computed } from "vue";

export default {
  components: { NotRecording, RangeSwitch, Waiting },
  props: { ranges: Object },
  setup(props) {
    const range = useRange(props.ranges);
    const answer = usePast(() => `/api/history/summary?range=${range.value}`, props.ranges, range);
    const told = answer.data;
    const lead = computed(() =>
      minutes(told.value.mean_lead_seconds === null ? null : told.value.mean_lead_seconds / 60),
    );
    shownWhen("accuracy", () => told.value || answer.problem.value, 2);
    return { answer, chance, isRecording, lead, moment, told, utc };
  },
  template: `
    <NotRecording v-if="!isRecording" />
    <section v-else aria-label="Incidents">
      <div class="a-toolbar a-past-bar"><RangeSwitch :ranges="ranges" /></div>
      <div class="a-panel" data-test="incidents">
        <header><h2>Were incidents predicted?</h2>
          <span v-if="told?.watched_since_ms" class="a-muted" :title="utc(told.watched_since_ms)">since {{ moment(told.watched_since_ms) }}</span></header>
        <Waiting :answer="answer" what="The summary" />
        <p v-if="told && !told.watched_since_ms" class="a-muted" data-test="nothing-yet">Argus has not watched for long enough yet. It records while servers send metrics; come back in a few minutes.</p>
        <template v-else-if="told">
          <dl class="a-numbers">
            <div><dt>Incidents</dt><dd>{{ told.incidents }}</dd><small>on {{ told.servers_with_incidents }} of {{ told.servers }} servers</small></div>
            <div><dt>Predicted</dt><dd>{{ told.incidents ? told.predicted_incidents + " of " + told.incidents : "–" }}</dd>
              <small>{{ told.incidents ? chance(told.predicted_ratio) + " had an alert before" : "there was none to predict" }}</small></div>
            <div><dt>Lead time</dt><dd>{{ lead }}</dd><small>from alert to incident, mean</small></div>
            <div><dt>Alerts</dt><dd>{{ told.alerts }}</dd><small>fired in the same time</small></div>
          </dl>
          <p class="a-muted a-note">An incident is a critical threshold that was really crossed, for 10 minutes or more, worked out by the Argus server from what was measured. It was predicted if an alert on the same trouble was firing when it began. What happened before Argus watched does not count.</p>
        </template>
      </div>
    </section>`,
};
