import { getJson, withQuery } from "argus/api.js";
import { Icon } from "argus/icons.js";
import { href } from "argus/navigation.js";
import { isRecording, RANGE_LABELS, useRange } from "argus/past.js";
import { computed, onBeforeUnmount, reactive, ref } from "vue";

const TABLES = {
  metrics: "Samples as they came in",
  server_risk: "Risk of every server, when it changes",
  forecasts: "What was forecast, every 15 minutes",
  alert_events: "Everything that happened to alerts",
  fleet_risk: "The fleet in numbers, once per minute",
};
const FORMATS = { csv: "CSV", arrow: "Arrow" };
const ASK_MS = 700;
const UNKNOWN_MOST = 20;

export default {
  components: { Icon },
  props: { ranges: Object },
  setup(props) {
    const range = useRange(props.ranges);
    const own = ref("");
    const chosen = computed(() => own.value || range.value);
    const downloads = reactive([]);
    const timers = new Set();
    const later = (what) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        what();
      }, ASK_MS);
      timers.add(timer);
    };
    onBeforeUnmount(() => timers.forEach(clearTimeout));

    // The browser writes the file; the dashboard tells how far it is, and why it broke off.
    const follow = async (download, unknown = 0) => {
      try {
        Object.assign(download, await getJson(`/api/history/export/progress?id=${download.id}`));
      } catch (error) {
        if (unknown > UNKNOWN_MOST) return void (download.error = error.message);
        return later(() => follow(download, unknown + 1));
      }
      // An export that was broken off says so from its first byte until its last; wait for it to stand still.
      download.still = download.bytes === download.before ? download.still + 1 : 0;
      download.before = download.bytes;
      if (!download.done && download.still < 15) later(() => follow(download));
    };
    const start = (table, format) => {
      const id = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
        byte.toString(16).padStart(2, "0"),
      ).join("");
      downloads.unshift({
        id,
        name: `argus-${table}-${chosen.value}.${format}`,
        bytes: 0,
        before: -1,
        still: 0,
        done: false,
        error: "",
      });
      downloads.splice(5);
      const anchor = document.createElement("a");
      anchor.href = href(withQuery("/api/history/export", { table, format, range: chosen.value, id }));
      anchor.download = "";
      anchor.click();
      later(() => follow(downloads[0]));
    };
    const size = (bytes) =>
      bytes < 1e4 ? `${bytes} B` : bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
    const state = (one) =>
      one.done
        ? `complete, ${size(one.bytes)}`
        : one.error && (one.still >= 15 || !one.bytes)
          ? `not complete: ${one.error}`
          : `${size(one.bytes)} so far`;
    return { FORMATS, RANGE_LABELS, TABLES, chosen, downloads, isRecording, own, start, state };
  },
  template: `
    <section v-if="isRecording" class="a-panel" aria-label="Export" data-test="export">
      <header class="a-panel-head"><h2>Export</h2>
        <select :value="chosen" aria-label="Range of the export" @change="own = $event.target.value"><option v-for="(_, key) in ranges" :key="key" :value="key">last {{ RANGE_LABELS[key] }}</option></select>
        <span class="a-muted">Streamed as it is read; texts in CSV cannot run as formulas.</span>
      </header>
      <div>
        <div v-for="(what, table) in TABLES" :key="table" class="a-export"><code>{{ table }}</code><span class="a-muted">{{ what }}</span>
          <span class="a-export-acts"><button v-for="(label, format) in FORMATS" :key="format" class="a-button" :data-test="'export-' + table + '-' + format" @click="start(table, format)"><Icon name="download" :size="14" />{{ label }}</button></span></div>
      </div>
      <ul v-if="downloads.length" class="a-downloads" aria-live="polite"><li v-for="one in downloads" :key="one.id" data-test="download"><Icon :name="one.done ? 'check' : 'download'" :size="14" /> {{ one.name }} <span class="a-muted">{{ state(one) }}</span></li></ul>
    </section>`,
};
