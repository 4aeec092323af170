// One sequence of colours from nothing to beyond critical. Its lightness runs one way, so every eye can order it.

const STOPS = {
  light: ["#eef1f5", "#f8e3a6", "#f4b25a", "#e0703f", "#b0345f", "#6d1a6b", "#2b0f45"],
  dark: ["#1d2530", "#38235c", "#752a6c", "#b23e62", "#e3694a", "#f6a54b", "#fdf0ae"],
};
/** Share of the critical threshold at which the sequence ends. */
export const TOP_SHARE = 1.25;
const STEPS = 100;

const tables = {};

/** Colours by place, 0 to STEPS. */
function table(theme) {
  return (tables[theme] ??= Array.from({ length: STEPS + 1 }, (_, i) => {
    const at = (i / STEPS) * (STOPS[theme].length - 1);
    const low = Math.min(STOPS[theme].length - 2, Math.floor(at));
    const mixed = channels(STOPS[theme][low]).map((from, c) => from + (channels(STOPS[theme][low + 1])[c] - from) * (at - low));
    const light = 0.299 * mixed[0] + 0.587 * mixed[1] + 0.114 * mixed[2];
    return { fill: `rgb(${mixed.map(Math.round).join(",")})`, ink: light > 140 ? "#14181d" : "#ffffff" };
  }));
}

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

/** `{ fill, ink }` of a share of the critical threshold; null where there is none. */
export const colorOf = (share, dark) =>
  share === null ? null : table(dark ? "dark" : "light")[Math.round((Math.max(0, Math.min(TOP_SHARE, share)) / TOP_SHARE) * STEPS)];

/** The sequence as a CSS gradient. */
export const gradient = (dark) => `linear-gradient(90deg, ${STOPS[dark ? "dark" : "light"].join(", ")})`;

/** How much of the way to its critical threshold a value has gone: 1 at the threshold; null when not known. */
export function shareOf(value, critical, lowIsBad) {
  if (value === null || value === undefined || critical === null || critical === undefined) return null;
  if (lowIsBad) return critical < 100 ? Math.max(0, (100 - value) / (100 - critical)) : null;
  return critical > 0 ? value / critical : null;
}
