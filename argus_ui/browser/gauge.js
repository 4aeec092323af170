// A score of 0 to 100 as a half circle.
import { riskText } from "argus/format.js";
import { h } from "vue";

const RADIUS = 42;
const at = (score) => {
  const angle = Math.PI * (1 - score / 100);
  return `${(50 + RADIUS * Math.cos(angle)).toFixed(2)} ${(50 - RADIUS * Math.sin(angle)).toFixed(2)}`;
};
const arc = (from, to) => `M${at(from)}A${RADIUS} ${RADIUS} 0 0 1 ${at(to)}`;

export const Gauge = ({ score, level, label }) =>
  h(
    "svg",
    {
      class: ["a-gauge", `a-level-${level}`],
      viewBox: "0 0 100 58",
      role: "img",
      "aria-label": `${label} ${riskText(score)} of 100`,
    },
    [
      h("path", { class: "a-gauge-track", d: arc(0, 100) }),
      h("path", { class: "a-gauge-value", d: arc(0, Math.max(0.5, Math.min(100, score))) }),
      h("text", { x: 50, y: 47, "text-anchor": "middle" }, riskText(score)),
      h("text", { class: "a-gauge-of", x: 50, y: 57, "text-anchor": "middle" }, label),
    ],
  );
Gauge.props = ["score", "level", "label"];
