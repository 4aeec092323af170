import { useAnswer } from "argus/answer.js";
import { withQuery } from "argus/api.js";
import { palette } from "argus/charts.js";
import { downloadCsv } from "argus/csv.js";
import { fleet, link } from "argus/feed.js";
import { clearFilters, matching, profile, profiles, search, setProfile, setSearch, sort } from "argus/filters.js";
import { metricLabel, metricUnit, minutes, moment, NONE, riskText, utc, withUnit } from "argus/format.js";
import { drawHeat, edgesOf, lineAt, linesOf } from "argus/heat_canvas.js";
import { END, gradient, WARM } from "argus/heat_colors.js";
import { cellPlace, metricGrid, timeGrid } from "argus/heat_grid.js";
import { Icon } from "argus/icons.js";
import { onKey } from "argus/keys.js";
import { LEVELS } from "argus/levels.js";
import { navigate, route, serverPath, setQuery } from "argus/navigation.js";
import { dark } from "argus/theme.js";
import { shownWhen } from "argus/timing.js";
import { computed, nextTick, onBeforeUnmount, onMounted, ref, shallowRef, watch } from "vue";

const VALUES = [
  ["now", "Now"],
  ["expected", "Expected in 8 h"],
  ["possible", "Possible in 8 h"],
];
const HOURS = [
  ["3", "3 h"],
  ["8", "8 h"],
  ["24", "1 day"],
];
const ORDERS = [
  ["risk", "By risk"],
  ["name", "By name"],
  ["breach", "By time left"],
];
/** Each server by the metric that is nearest to its critical threshold. */
const NEAREST = "nearest";
const METRICS = "/api/heatmap/metrics";
const TALL = 20;
const DENSE = 6;
/** From as many servers on, rows lose their names to begin with. */
const MANY = 200;
const EVERY_SECONDS = 15;
const WIDE = 640;

export default {
  components: { Icon },
  setup() {
    const box = ref(null);
    const canvas = ref(null);
    const field = ref(null);
    const tip = shallowRef(null);
    const width = ref(0);

    // All that is chosen is in the URL.
    const show = computed(() => (route.query.show === "time" ? "time" : "metrics"));
    const value = computed(() => {
      const asked = VALUES.some(([key]) => key === route.query.value) ? route.query.value : "expected";
      return show.value === "time" && asked === "now" ? "expected" : asked;
    });
    const choices = computed(() => Object.keys(link.thresholds));
    const metric = computed(() => (choices.value.includes(route.query.metric) ? route.query.metric : NEAREST));
    const hours = computed(() => (HOURS.some(([key]) => key === route.query.hours) ? route.query.hours : "8"));
    const isGrouped = computed(() => route.query.group !== "none");
    const isDense = computed(() => (route.query.rows ? route.query.rows === "dense" : matching.value.length > MANY));
    const chosen = computed(() => route.query.at ?? "");

    // The whole fleet is some work for the Argus server, and hardly changes from tick to tick.
    const { data, problem, ask } = useAnswer(
      () => {
        if (!fleet.value) return null;
        return show.value === "metrics"
          ? METRICS
          : withQuery("/api/heatmap/time", { metric: metric.value, hours: hours.value });
      },
      { every: () => EVERY_SECONDS, follow: fleet },
    );
    watch(
      () => fleet.value?.servers.name.length,
      (_, before) => before && ask(),
    );

    const grid = computed(() => {
      if (!fleet.value || !data.value) return null;
      return show.value === "metrics" ? metricGrid(data.value, value.value) : timeGrid(data.value, value.value);
    });
    const drawn = ref(false);
    shownWhen("heatmap", () => drawn.value || (fleet.value && !matching.value.length));
    const rowHeight = computed(() => (isDense.value ? DENSE : TALL));
    const map = computed(() =>
      fleet.value
        ? linesOf(matching.value, fleet.value.servers, rowHeight.value, isGrouped.value)
        : { lines: [], height: 0 },
    );
    const left = computed(() => (isDense.value ? 14 : width.value > WIDE ? 190 : 112));
    const head = computed(() =>
      grid.value?.kind === "metrics" && (width.value - left.value) / grid.value.columns.length < 84 ? 166 : 34,
    );

    // Only what is in sight is drawn; the canvas stays below the tool bar while the page scrolls.
    const stuckAt = () => canvas.value.getBoundingClientRect().top - box.value.getBoundingClientRect().top;
    let frame = 0;
    const draw = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        if (!canvas.value || !grid.value) return;
        const top = parseFloat(getComputedStyle(canvas.value).top) || 0;
        const height = Math.min(map.value.height + head.value + 2, window.innerHeight - top);
        canvas.value.style.height = `${height}px`;
        drawHeat(canvas.value, {
          grid: grid.value,
          lines: map.value.lines,
          scrolled: Math.max(0, stuckAt()),
          head: head.value,
          left: left.value,
          width: width.value,
          height,
          colors: palette(),
          dark: dark.value,
          chosen: chosen.value,
          levels: fleet.value.servers.level.map((level) => LEVELS[level].key),
        });
        drawn.value = width.value > 0;
      });
    };
    watch([grid, map, width, dark, chosen, left, head], () => nextTick(draw));

    const resize = new ResizeObserver(([entry]) => (width.value = Math.floor(entry.contentRect.width)));
    watch(box, (element, before) => {
      if (before) resize.unobserve(before);
      if (element) resize.observe(element);
    });

    const pointed = (event) => {
      const area = canvas.value.getBoundingClientRect();
      const x = event.clientX - area.left;
      const y = event.clientY - area.top;
      if (y < head.value) return null;
      const line = lineAt(map.value.lines, y - head.value + Math.max(0, stuckAt()));
      if (!line?.name) return null;
      const edges = edgesOf(grid.value, left.value, width.value);
      const column = edges.findIndex((edge, i) => x >= edge && x < edges[i + 1]);
      return { line, column, x, y: y + stuckAt() };
    };
    const hover = (event) => {
      const at = grid.value && pointed(event);
      tip.value = at ? described(at, grid.value, fleet.value.servers, width.value) : null;
    };
    const open = (event) => {
      const at = grid.value && pointed(event);
      if (at) navigate(serverPath(at.line.name));
    };

    const rows = computed(() => map.value.lines.filter((line) => line.name !== undefined));
    const step = (by) => {
      if (!rows.value.length) return;
      const place = rows.value.findIndex((line) => line.name === chosen.value);
      const next = rows.value[place < 0 ? 0 : Math.max(0, Math.min(rows.value.length - 1, place + by))];
      setQuery({ at: next.name });
      const y = box.value.getBoundingClientRect().top + head.value + next.top;
      if (y < 200 || y > window.innerHeight - 60) window.scrollBy(0, y - window.innerHeight / 2);
    };
    const spoken = computed(() => {
      const i = chosen.value ? fleet.value?.servers.name.indexOf(chosen.value) : -1;
      return i >= 0
        ? `${chosen.value}: ${fleet.value.servers.label[i]}, risk ${riskText(fleet.value.servers.risk[i])}`
        : "";
    });
    const unbind = [];
    onMounted(() => {
      window.addEventListener("scroll", draw, { passive: true });
      window.addEventListener("resize", draw);
      unbind.push(
        onKey("j", () => step(1)),
        onKey("k", () => step(-1)),
        onKey("/", () => field.value?.focus()),
        onKey("Enter", () => chosen.value && navigate(serverPath(chosen.value))),
      );
    });
    onBeforeUnmount(() => {
      cancelAnimationFrame(frame);
      window.removeEventListener("scroll", draw);
      window.removeEventListener("resize", draw);
      resize.disconnect();
      unbind.forEach((off) => off());
    });

    const save = () => {
      const { cell, columns, kind, metricOf } = grid.value;
      const isTime = kind === "time";
      const names = columns.map(({ key, ms }) => key ?? new Date(ms).toISOString());
      const lines = rows.value.map(({ name, profile: of }) => [
        name,
        of,
        ...(isTime ? [metricOf(name)] : []),
        ...columns.map((_, i) => cell(name, of, i)?.value ?? null),
      ]);
      downloadCsv(`argus-heatmap-${kind}.csv`, ["server", "profile", ...(isTime ? ["metric"] : []), ...names], lines);
    };
    const legend = computed(() => {
      if (value.value === "now") return "As measured last.";
      const what = value.value === "possible" ? "the bad side of the band, as bad as one time in ten" : "the median";
      return show.value === "time"
        ? `Left of now as measured, right of it ${what}.`
        : `The worst from now to 8 hours ahead: now as measured, then ${what}.`;
    });
    const set = (name, plain) => (event) => {
      const picked = event.target?.value ?? event;
      setQuery({ [name]: picked === plain ? null : picked });
    };
    return {
      END,
      HOURS,
      NEAREST,
      ORDERS,
      VALUES,
      WARM,
      box,
      canvas,
      choices,
      clearFilters,
      dark,
      field,
      fleet,
      gradient,
      grid,
      head,
      hours,
      hover,
      isDense,
      isGrouped,
      legend,
      link,
      map,
      matching,
      metric,
      metricLabel,
      open,
      problem,
      profile,
      profiles,
      save,
      search,
      set,
      setProfile,
      setQuery,
      setSearch,
      show,
      sort,
      spoken,
      tip,
      value,
    };
  },
  template: `
    <section class="a-heat" aria-label="Heatmap">
      <div v-if="!fleet" class="a-empty" data-test="no-fleet"><Icon name="plug" :size="34" />
        <template v-if="link.state === 'live'"><h2>Connected, nothing published yet</h2><p>Send metrics with <code>argus host</code> or <code>argus simulate</code>, and the map fills itself.</p></template>
        <template v-else><h2>Waiting for the Argus server</h2><p>Nothing answers at <code>{{ link.target || "the target" }}</code>. Start one with <code>argus server</code>.</p></template>
      </div>
      <template v-else>
        <div class="a-toolbar a-heat-toolbar">
          <div class="a-segments" role="group" aria-label="Columns">
            <button :class="{ active: show === 'metrics' }" :aria-pressed="show === 'metrics'" data-test="show-metrics" @click="setQuery({ show: null })">Metrics</button>
            <button :class="{ active: show === 'time' }" :aria-pressed="show === 'time'" data-test="show-time" @click="setQuery({ show: 'time' })">Over time</button>
          </div>
          <select v-if="show === 'time'" :value="metric" aria-label="Metric" data-test="heat-metric" @change="set('metric', NEAREST)($event)">
            <option :value="NEAREST">Nearest to its threshold</option><option v-for="name in choices" :key="name" :value="name">{{ metricLabel(name) }}</option>
          </select>
          <select :value="value" aria-label="Value" data-test="heat-value" @change="set('value', 'expected')($event)">
            <option v-for="[key, label] in VALUES.slice(show === 'time' ? 1 : 0)" :key="key" :value="key">{{ show === "time" ? label.replace(" in 8 h", "") : label }}</option>
          </select>
          <div v-if="show === 'time'" class="a-segments" role="group" aria-label="History">
            <button v-for="[key, label] in HOURS" :key="key" :class="{ active: hours === key }" :aria-pressed="hours === key" @click="set('hours', '8')(key)">{{ label }}</button>
          </div>
          <label class="a-search"><Icon name="search" :size="15" /><input ref="field" :value="search" placeholder="Search servers" aria-label="Search servers" spellcheck="false" data-test="heat-search" @input="setSearch($event.target.value)" @keydown.esc="setSearch(''); field.blur()"></label>
          <select :value="profile" aria-label="Profile" @change="setProfile($event.target.value)"><option value="">All profiles</option><option v-for="one in profiles" :key="one" :value="one">{{ one }}</option></select>
          <select :value="sort.key" aria-label="Order" data-test="heat-sort" @change="set('sort', 'risk')($event)"><option v-for="[key, label] in ORDERS" :key="key" :value="key">{{ label }}</option><option v-if="!ORDERS.some(([key]) => key === sort.key)" :value="sort.key">As in the overview</option></select>
          <button class="a-button" :aria-pressed="isGrouped" data-test="heat-group" @click="setQuery({ group: isGrouped ? 'none' : null })"><Icon v-if="isGrouped" name="check" :size="14" />Grouped</button>
          <button class="a-button" :aria-pressed="isDense" title="Rows without names: the whole fleet at a glance" data-test="heat-dense" @click="setQuery({ rows: isDense ? 'tall' : 'dense' })"><Icon v-if="isDense" name="check" :size="14" />Dense</button>
          <button class="a-button" title="What is shown, as CSV" :disabled="!grid" data-test="heat-csv" @click="save"><Icon name="download" :size="14" />CSV</button>
        </div>
        <p class="a-heat-legend a-muted">
          <span>On the way to its thresholds</span>
          <span class="a-heat-scale"><i :style="{ background: gradient(dark) }"></i><b :style="{ left: '0%' }">calm</b><b :style="{ left: 100 * WARM / END + '%' }" data-test="legend-warning">warning</b><b :style="{ left: 100 / END + '%' }">▲ critical</b></span>
          <span>{{ legend }} A line: not measured, or without a threshold.</span>
        </p>
        <p v-if="problem" class="a-level-warning" role="alert" data-test="heat-problem"><Icon name="triangle" :size="15" /> {{ problem }}</p>
        <div v-if="!matching.length" class="a-empty"><p>No server matches. <button class="a-link" @click="clearFilters">Show all</button></p></div>
        <p v-else-if="!grid && !problem" class="a-muted">Reading the forecasts of {{ matching.length }} servers …</p>
        <div v-show="grid && matching.length" ref="box" class="a-heat-box" :style="{ height: map.height + head + 2 + 'px' }">
          <canvas ref="canvas" role="img" :aria-label="'Heatmap of ' + matching.length + ' servers; j and k choose one, Enter opens it'" data-test="heat-canvas"
            @pointermove="hover" @pointerleave="tip = null" @click="open"></canvas>
          <div v-if="tip" class="a-tip" :class="{ left: tip.flip }" :style="{ '--x': tip.x + 'px', top: tip.y + 14 + 'px' }" data-test="heat-tip">
            <strong>{{ tip.name }}</strong><small>{{ tip.about }}</small>
            <template v-if="tip.when"><span>{{ tip.when }}</span><small>{{ tip.utc }}</small></template>
            <dl v-if="tip.facts.length"><template v-for="[what, text] in tip.facts" :key="what"><dt>{{ what }}</dt><dd>{{ text }}</dd></template></dl>
          </div>
        </div>
        <p class="a-hidden" aria-live="polite">{{ spoken }}</p>
      </template>
    </section>`,
};

/** What is told about a cell. */
function described({ line, column, x, y }, grid, servers, width) {
  const { index, name, profile } = line;
  const told = {
    name,
    about: `${servers.label[index]} · risk ${riskText(servers.risk[index])} · ${profile}`,
    x,
    y,
    flip: x > width * 0.6,
    facts: [],
  };
  const cell = column < 0 ? null : grid.cell(name, profile, column);
  if (!cell) return { ...told, facts: column < 0 ? [] : [["Not shown", "nothing measured that has a threshold"]] };
  const unit = metricUnit(cell.metric);
  const place = cellPlace(cell);
  if (grid.kind === "time") {
    const { ms, from, ahead } = grid.columns[column];
    told.when = `${moment(ms)}, ${Math.abs(from) < 1 ? "now" : from > 0 ? `${minutes(from)} ahead` : `${minutes(-from)} ago`}`;
    told.utc = utc(ms);
    told.facts.push([
      metricLabel(cell.metric),
      cell.value === null ? NONE : `${withUnit(cell.value, unit)}${ahead ? "" : " measured"}`,
    ]);
  } else {
    told.facts.push(
      [metricLabel(cell.metric), `${withUnit(cell.now, unit)} now`],
      ["worst expected", withUnit(cell.expected, unit)],
      ["worst possible", withUnit(cell.possible, unit)],
    );
  }
  for (const limit of ["warning", "critical"]) {
    if (cell[limit] !== null) told.facts.push([limit, `${cell.lowIsBad ? "≤" : "≥"} ${withUnit(cell[limit], unit)}`]);
  }
  if (place >= WARM) told.facts.push(["stands at", place >= 1 ? "▲ critical" : "warning"]);
  return told;
}
