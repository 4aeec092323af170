// A server that is pointed at is likely to be opened: what draws its charts comes while the hand makes up its mind.
import { href } from "argus/navigation.js";

/** Fetches ECharts when a link to a server is first pointed at. */
export function fetchAhead() {
  const link = `a[href^="${href("/server?")}"]`;
  const look = ({ target }) => {
    if (!target.closest?.(link)) return;
    document.removeEventListener("pointerover", look);
    // If that fails, the view that needs it says so.
    import("argus/charts.js").then(({ loadEcharts }) => loadEcharts()).catch(() => {});
  };
  document.addEventListener("pointerover", look, { passive: true });
}
