// ECharts for views that draw more than a sparkline: fetched when the first chart is drawn, dark or light with the page.
import { onBeforeUnmount, onMounted, ref, watch } from "vue";

let loading = null;

/** The ECharts module. */
export const loadEcharts = () =>
  (loading ??= import("nicegui-echart").then(
    (found) => found.echarts ?? found,
    (error) => {
      loading = null;
      throw error;
    },
  ));

/** Colours of the page for options of charts. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return Object.fromEntries(
    ["text", "muted", "line", "surface", "accent", "band", "critical", "warning", "degrading", "healthy", "silent"].map(
      (name) => [name, of(name)],
    ),
  );
}

const waiting = [];

/** Draws one a frame, the first at once: a page of charts must not freeze. */
function soon(draw) {
  waiting.push(draw);
  if (waiting.length === 1) next();
}

function next() {
  requestAnimationFrame(() => {
    waiting.shift();
    if (waiting.length) next();
  });
  waiting[0]();
}

/**
 * Makes charts in an element, from when the function that it returns is called until the component goes. `made(chart)`
 * draws it first; when it returns, the next frame will show it.
 */
export function useEchart(box, made) {
  let chart = null;
  let gone = false;
  const fit = new ResizeObserver(() => {
    // It is told once when it begins to look, too.
    if (chart.getWidth() !== box.value.clientWidth || chart.getHeight() !== box.value.clientHeight) chart.resize();
  });
  onBeforeUnmount(() => {
    gone = true;
    fit.disconnect();
    chart?.dispose();
  });
  return async () => {
    const echarts = await loadEcharts();
    soon(() => {
      if (gone) return;
      chart = echarts.init(box.value, null, { renderer: "canvas" });
      made(chart);
      fit.observe(box.value);
    });
  };
}

/**
 * A chart that fills its element: `<Chart :option="option" style="height: 240px" @pick="..." />`. It says `drawn` when the
 * next frame will show it.
 */
export const Chart = {
  props: { option: Object },
  emits: ["pick", "zoom", "drawn"],
  setup(props, { emit }) {
    const box = ref(null);
    let chart = null;
    const draw = () => chart?.setOption(props.option, { notMerge: true });
    const make = useEchart(box, (made) => {
      chart = made;
      chart.on("click", (event) => emit("pick", event));
      chart.on("datazoom", (event) => emit("zoom", event));
      draw();
      emit("drawn");
    });
    onMounted(make);
    // Colours are in the options: whoever makes them watches `dark`, too.
    watch(() => props.option, draw);
    return { box };
  },
  template: '<div ref="box" class="a-chart"></div>',
};
