// ECharts for views that draw more than a sparkline: fetched when the first chart is drawn, dark or light with the page.
import { onBeforeUnmount, onMounted, ref, watch } from "vue";
import { dark } from "argus/theme.js";

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
    ["text", "muted", "line", "surface", "accent", "band", "critical", "warning", "degrading", "healthy", "silent"].map((name) => [name, of(name)]),
  );
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
    let gone = false;
    const draw = () => chart?.setOption(props.option, { notMerge: true });
    const resize = new ResizeObserver(() => chart?.resize());
    onMounted(async () => {
      const echarts = await loadEcharts();
      if (gone) return;
      chart = echarts.init(box.value, null, { renderer: "canvas" });
      chart.on("click", (event) => emit("pick", event));
      chart.on("datazoom", (event) => emit("zoom", event));
      draw();
      emit("drawn");
      resize.observe(box.value);
    });
    watch(() => props.option, draw);
    // Colours are in the options: whoever makes them watches `dark`, too.
    onBeforeUnmount(() => {
      gone = true;
      resize.disconnect();
      chart?.dispose();
    });
    return { box, dark };
  },
  template: '<div ref="box" class="a-chart"></div>',
};
